"""Where a SIP call's media go: what a peer offers, where its packets really come from, which address it is told."""
