"""T-SQL: templates to SQL, and the binder that gives every expression its type."""
