"""What is watched: dashboards and alerts as code, and what builds the committed files from it."""
