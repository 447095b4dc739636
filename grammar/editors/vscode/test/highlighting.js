// Tokenises a recipe with the engine that VS Code has, and compares the scopes of some words.
"use strict";

const assert = require("node:assert");
const fs = require("node:fs");
const path = require("node:path");
const oniguruma = require("vscode-oniguruma");
const { Registry, parseRawGrammar, INITIAL } = require("vscode-textmate");

const RECIPE = `use "models.spec" { tiny, warm as hot }     # names from another file
experiment early_exposure {
  sweep early in [0%, 1.5e-3, 20M]
  allocate {
    skill 1_000K tokens { pretrain: early, posttrain: rest, finetune: 2% of stage within 80%..100% }
    drift { finetune: 100% late block }
  }
  stage posttrain from pretrain@50% {
    schedule = cosine(peak = 3e-3, within = 5%)
    batch    = 64 sequences
  }
  check tokens(pretrain) is equal across early
  compare retained = \`\`\`sql
    select early from results where eval = 'a'  # not ours
  \`\`\`
  eval a = loss(skill.held_out) after posttrain every 10%
  recipe dropout { override stage posttrain { dropout = 0.05 } }
  override stage posttrain { }
}
`;

/** [line from 1, word, scope that the word must have] */
const WANTED = [
  [1, "use", "keyword.control"],
  [1, '"models.spec"', "string.quoted.double"],
  [1, "as", "keyword.operator.word"],
  [1, "# names from another file", "comment.line"],
  [2, "early_exposure", "entity.name.type"],
  [3, "sweep", "keyword.control"],
  [3, "early", "entity.name.type"],
  [3, "in", "keyword.operator.word"],
  [3, "1.5e-3", "constant.numeric"],
  [3, "20M", "constant.numeric"],
  [5, "1_000K", "constant.numeric"],
  [5, "tokens", "keyword.other.unit"],
  [5, "early", "variable.other"],
  [5, "rest", "constant.language"],
  [5, "of", "keyword.operator.word"],
  [5, "within", "keyword.operator.word"],
  [5, "80%", "constant.numeric"],
  [5, "..", "keyword.operator"],
  [6, "late block", "keyword.operator.word"],
  [8, "stage", "keyword.control"],
  [8, "posttrain", "entity.name.type"],
  [8, "from", "keyword.operator.word"],
  [8, "@", "keyword.operator"],
  [9, "schedule", "variable.parameter"],
  [9, "cosine", "entity.name.function"],
  [9, "within", "variable.parameter"],
  [10, "sequences", "keyword.other.unit"],
  [12, "check", "keyword.control"],
  [12, "tokens", "entity.name.function"],
  [12, "is equal across", "keyword.operator.word"],
  [14, "    select early from results where eval = 'a'  # not ours", "meta.embedded.block.sql"],
  [16, "after", "keyword.operator.word"],
  [18, "override", "keyword.control"],
];

async function main() {
  const wasm = fs.readFileSync(require.resolve("vscode-oniguruma/release/onig.wasm")).buffer;
  await oniguruma.loadWASM(wasm);
  const file = path.join(__dirname, "..", "syntaxes", "specc.tmLanguage.json");
  const registry = new Registry({
    onigLib: Promise.resolve({
      createOnigScanner: (patterns) => new oniguruma.OnigScanner(patterns),
      createOnigString: (text) => new oniguruma.OnigString(text),
    }),
    // VS Code comes with a grammar for SQL; here one stands in for it.
    loadGrammar: async (scope) =>
      scope === "source.specc"
        ? parseRawGrammar(fs.readFileSync(file, "utf8"), file)
        : parseRawGrammar(JSON.stringify({ scopeName: "source.sql", patterns: [{ match: "select" }] }), "sql.json"),
  });
  const grammar = await registry.loadGrammar("source.specc");
  const lines = RECIPE.split("\n");
  let stack = INITIAL;
  const found = lines.map((line) => {
    const result = grammar.tokenizeLine(line, stack);
    stack = result.ruleStack;
    return result.tokens;
  });
  for (const [number, word, scope] of WANTED) {
    const line = lines[number - 1];
    const start = line.indexOf(word);
    assert(start >= 0, `${word} stands in line ${number}`);
    const inside = found[number - 1].filter((t) => t.startIndex < start + word.length && t.endIndex > start);
    for (const token of inside) {
      assert(token.scopes.some((name) => name.startsWith(scope)), `${number}: ${word}: ${token.scopes.join(" ")}`);
    }
  }
  console.log(`${WANTED.length} scopes are right`);
}

main();
