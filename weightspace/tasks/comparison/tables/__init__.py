"""What results are written down as: tables, figures, and what of them is out of date."""
