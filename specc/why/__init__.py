"""What a step is for and what it comes from: the answer of `specc why`.

study, name -> find.find -> key -> answer.answer -> Answer -> show.as_text
"""
