"""What any live contract needs: clauses, facts, verdicts, evidence, reports. It knows no system."""
