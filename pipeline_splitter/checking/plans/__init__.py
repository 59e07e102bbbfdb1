"""What plan.json says beside placement and costs: assumptions, alternatives, objectives, and what tasks are handed."""
