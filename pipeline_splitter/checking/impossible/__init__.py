"""What infeasible.json says: facts that leave no plan, none of them superfluous, and single changes that help."""
