"""The graph of a study as a picture: folded, laid out, and written in one of several forms.

    study -> fold.fold -> Picture -> layout.arranged -> svg.as_svg, page.as_page
                                  -> dot.as_dot, mermaid.as_mermaid, outline.as_text

Names come from recipes of strangers: each form escapes all of them.
"""
