"""Pages: views as HTML. Pure: the same view is the same page, and every text in it is text."""
