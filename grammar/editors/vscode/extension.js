// Starts `specc lsp` for .spec files, and says how to get it where it is missing.
"use strict";

const vscode = require("vscode");
const { LanguageClient, RevealOutputChannelOn } = require("vscode-languageclient/node");

/** @type {LanguageClient | undefined} */
let client;

/** @param {vscode.ExtensionContext} context */
async function activate(context) {
  context.subscriptions.push(
    vscode.commands.registerCommand("specc.restart", async () => {
      await deactivate();
      await start();
    }),
    vscode.workspace.onDidChangeConfiguration(async (event) => {
      if (event.affectsConfiguration("specc.server.command")) {
        await deactivate();
        await start();
      }
    }),
  );
  await start();
}

async function start() {
  const [command, ...args] = vscode.workspace.getConfiguration("specc").get("server.command", ["specc", "lsp"]);
  client = new LanguageClient(
    "specc",
    "specc",
    { command, args },
    {
      documentSelector: [{ scheme: "file", language: "specc" }, { scheme: "untitled", language: "specc" }],
      revealOutputChannelOn: RevealOutputChannelOn.Never,
      synchronize: { fileEvents: vscode.workspace.createFileSystemWatcher("**/*.spec") },
    },
  );
  try {
    await client.start();
  } catch (error) {
    client = undefined;
    const choice = await vscode.window.showErrorMessage(
      `\`${[command, ...args].join(" ")}\` can't be started. Install it with \`pip install 'specc[lsp]'\`, ` +
        "or name its path in the setting specc.server.command.",
      "Open Settings",
    );
    if (choice) {
      await vscode.commands.executeCommand("workbench.action.openSettings", "specc.server.command");
    }
  }
}

async function deactivate() {
  const running = client;
  client = undefined;
  await running?.stop();
}

module.exports = { activate, deactivate };
