"""How pages about the tables of law are made from those tables: ``python -m evals.docs`` writes them.

One file a page, and ``pages`` lists them. What stands in a table is not told here a second time; what a table
does not say (what a lane means) is told beside the page that needs it, and a test holds the two together.
"""
