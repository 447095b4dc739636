"""Recipes that editors show in tests."""

from __future__ import annotations

MODELS = """let warm = adamw(beta2 = 0.9)
model tiny = llama(layers = 1, width = 16, heads = 2, context = 32 tokens)
"""

STUDY = """use "models.spec" { tiny, warm as hot }

# What does an early share do?
experiment study {
  "An early share."
  sweep early in [0%, 50%]
  seeds 0..1

  corpus web   = markov(tokens = 40K tokens, held_out = 5%)
  corpus skill = markov(tokens = 20K tokens, seed = 1, held_out = 5%)

  allocate {
    web                { pretrain: fill }
    skill 8_192 tokens { pretrain: early, posttrain: rest }
  }

  stage pretrain from tiny {
    budget    = 16_384 tokens
    optimizer = hot
    batch     = 8 sequences
    schedule  = cosine(peak = 3e-3, warmup = 5%)
  }

  stage posttrain from pretrain {
    schedule = constant(peak = 1e-3)
  }

  eval skill_loss = loss(skill.held_out) after [pretrain, posttrain]

  check tokens(pretrain) is equal across early

  compare retained = ```sql
    select early, avg(value) as loss
    from results where eval = 'skill_loss' group by early
  ```

  expect mean(skill_loss after posttrain given early = 50%) < 100 by 0.02

  recipe slow { override stage posttrain { dropout = 0.05 } }
}
"""


def place(text: str, words: str, skip: int = 0) -> tuple[int, int]:
    """Line and character where words stand in a text; `skip` characters into them."""
    offset = text.index(words) + skip
    line = text.count("\n", 0, offset)
    last = text[text.rfind("\n", 0, offset) + 1 : offset]
    return line, len(last.encode("utf-16-le")) // 2
