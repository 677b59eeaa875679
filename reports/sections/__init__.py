"""The report's sections: each a function from the run folder's material to a `Section`."""
