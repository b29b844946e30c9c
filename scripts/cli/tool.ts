import type { SpillwayOperator } from "../../client/operator.ts";
import type { Spillway } from "../../client/spillway.ts";
import { Connection, type ConnectionOptions } from "./connection.ts";
import type { Terminal } from "./terminal.ts";

/** Options that every command has. */
export interface GlobalOptions extends ConnectionOptions {
  readonly json?: boolean;
}

/** What commands work with: the gateway they ask, and how they show what it answers. */
export class Tool {
  readonly terminal: Terminal;
  /** Set by a command whose result is bad news, such as a ledger that does not add up. */
  exitCode = 0;
  readonly #options: () => GlobalOptions;

  /** `options` is read when a command runs: before that, nothing was parsed. */
  constructor(terminal: Terminal, options: () => GlobalOptions) {
    this.terminal = terminal;
    this.#options = options;
  }

  get json(): boolean {
    return this.#options().json === true;
  }

  connection(): Connection {
    return new Connection(this.#options(), this.terminal.env);
  }

  operator(): Promise<SpillwayOperator> {
    return this.connection().operator();
  }

  holder(): Promise<Spillway> {
    return this.connection().holder();
  }

  /** Shows a result: as JSON where that was asked for, otherwise as text. */
  async show(result: unknown, text: () => string): Promise<void> {
    this.terminal.progress("");
    await this.terminal.write(`${this.json ? JSON.stringify(result, null, 2) : text()}\n`);
  }

  /** Shows one of many results that come one by one: as a line of JSON, or as text. */
  async showOne(result: unknown, text: () => string): Promise<void> {
    this.terminal.progress("");
    await this.terminal.write(`${this.json ? JSON.stringify(result) : text()}\n`);
  }
}
