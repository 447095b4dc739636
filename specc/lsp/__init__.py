"""The language server: `specc lsp`, for editors.

What an editor shows is compiled as `specc check` does it; nothing is run and nothing written but
the cache of corpus sizes. Flow of a change:

    server  -> buffers (text) -> project (compile, in a thread) -> snapshot -> diagnostics
    request -> a feature, on the snapshot of the text that the editor shows

positions    places in a text, in the units of the protocol
buffers      texts that the editor has open
counting     corpora, counted in the background
project      compiling open files, and what they use, as they change
scan         words and brackets of a text that need not parse
outline      symbols, folding
index        which name means what, and where it is used
meanings     sentences on the words of the language
values       what a name or setting comes to, and what set it
hover, completion, signatures, navigation, colours, hints, actions, formatting   one feature each
server       the protocol
"""
