"""The report of a run: pictures side by side, charts and one HTML page. Data in, bytes and text out."""
