"""The suite that breaks things on purpose: `make faults`; docs/reliability.md says what is promised."""
