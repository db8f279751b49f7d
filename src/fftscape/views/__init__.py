"""What people look at: figures and reports, drawn from records."""
