"""What finished runs left behind: results, pages, tables, history."""
