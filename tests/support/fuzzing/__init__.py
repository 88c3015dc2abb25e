"""What every parser of outside input must hold to, whatever bytes come: one target for each, for any fuzzer."""
