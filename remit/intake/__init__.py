"""How a request comes in: who asks, what was asked, and the entries that keep it, admitted or not."""
