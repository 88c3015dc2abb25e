"""Which voice speaks: the voices of a server, the choice of one for each sentence, and what they made before."""
