"""Work nobody waits for: journals become ledger entries, events become deliveries."""
