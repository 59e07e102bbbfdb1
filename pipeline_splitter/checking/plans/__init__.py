"""Checks of plan.json besides placement and costs: assumptions, alternatives, objectives, and handovers."""
