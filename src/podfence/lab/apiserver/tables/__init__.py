"""Objects as kubectl prints them: the columns that the server chooses for each kind."""
