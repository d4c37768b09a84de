"""The parts that any live contract needs: clauses, facts, verdicts, evidence, reports. They know no system."""
