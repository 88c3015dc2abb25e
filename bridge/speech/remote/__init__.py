"""What recognisers and voices on other machines have in common: connections that are kept, and refusals understood."""
