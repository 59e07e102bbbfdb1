"""The check of infeasible.json: facts that leave no plan, none of them superfluous, and changes that help."""
