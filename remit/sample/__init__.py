"""What ``remit init`` puts into a new desk: these files, with the first principal filled in."""
