"""One run: what each page still needs, the pages in flight, what is written, what is made at the end."""
