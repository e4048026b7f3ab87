"""The parts of the evaluation programs: queries, trials, protocols, reports and tables."""
