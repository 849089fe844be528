"""The store on SQLite: one connection that writes in groups, one that reads, one module for each family of tables."""
