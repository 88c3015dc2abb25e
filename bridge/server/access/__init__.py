"""Who may come in: which door asks for what, what a refusal leaves behind, how many may knock."""
