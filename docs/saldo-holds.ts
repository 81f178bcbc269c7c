/**
 * A client of the split API (split-api.md): hold credits, call the provider, settle what was used.
 * No dependencies: copy this file. It wants `fetch` and `crypto.randomUUID`, as Node 20, Deno, Bun
 * and edge runtimes have them.
 *
 *     const saldo = new SaldoHolds({ baseUrl: process.env.SALDO_URL!, serviceKey: process.env.SALDO_SERVICE_KEY! });
 *     const answer = await saldo.guard(
 *       { account: "user_2abc", feature: "ai_text_chat", model: "gpt-4o-mini", estimate: { promptTokens: 400, maxTokens: 800 } },
 *       () => openai.chat.completions.create({ model: "gpt-4o-mini", max_tokens: 800, messages }),
 *     );
 */

/** What is to be held, and for what. */
export interface Order {
  account: string;
  feature: string;
  model?: string;
  /** Units of a feature at a fixed price; 1 if it is absent. */
  quantity?: number;
  /** Needed where the model is priced by tokens. */
  estimate?: { promptTokens: number; maxTokens: number };
  /** After how many seconds the hold gives back by itself. */
  holdSeconds?: number;
}

export type Price =
  | { type: "fixed"; perUnit: number }
  | { type: "tokens"; inputPer1000: number; outputPer1000: number; minimum: number };

/** Credits that are held. */
export interface Held {
  id: string;
  account: string;
  held: number;
  remaining: number | null;
  expiresAt: string;
  priceVersion: number;
  price: Price;
}

/** Credits are off, or only measured: make the call, there is nothing to end. */
export interface NotHeld {
  id: null;
  held: 0;
  unlimited?: true;
  creditsEnabled?: false;
  mode?: "shadow";
  wouldHold?: number | null;
  wouldRefuse?: string;
}

export type Hold = Held | NotHeld;

/** The provider's own report, as it came; only the numbers of tokens are looked at. */
export type Usage =
  | { prompt_tokens: number; completion_tokens?: number }
  | { input_tokens: number; output_tokens?: number };

/** By what a call is charged. */
export type Measure = { usage: Usage } | { quantity: number } | { credits: number };

/** How a hold ended. */
export interface Ended {
  id: string;
  status: "settled" | "settled_late" | "released" | "expired" | "queued";
  charged: number;
  held: number;
  remaining?: number;
}

/** A refusal, as Saldo words it. Branch on `code`. */
export class SaldoError extends Error {
  override readonly name = "SaldoError";
  readonly status: number;
  readonly code: string;
  /** The whole problem document: `required`, `available`, `field`, `ended` … */
  readonly problem: Readonly<Record<string, unknown>>;
  /** After how many seconds the same request is worth sending again. */
  readonly retryAfter: number | undefined;

  constructor(status: number, problem: Record<string, unknown>, retryAfter: number | undefined) {
    const code = typeof problem["code"] === "string" ? problem["code"] : "unknown";
    super(typeof problem["detail"] === "string" ? problem["detail"] : `status ${status}`);
    this.status = status;
    this.code = code;
    this.problem = problem;
    this.retryAfter = retryAfter;
  }

  /** Whether the same request may succeed later. */
  get isTransient(): boolean {
    return (
      this.status === 429 || this.status >= 500 || this.code === "idempotency_in_flight" || this.code === "busy"
    );
  }
}

export interface Options {
  /** Base URL of the HTTP API or of the function URL. */
  baseUrl: string;
  /** `sk_saldo_…`; only ever on a server. */
  serviceKey: string;
  /** How often a request is sent at most; 6 by default. */
  tries?: number;
  /** How long one try may take, in milliseconds; 10,000 by default. */
  timeoutMs?: number;
  /** In place of the global one, for tests. */
  fetch?: typeof fetch;
}

export interface GuardOptions<T> extends Order {
  /** The caller's own name for this call, so that a call made twice is paid once. */
  idempotencyKey?: string;
  /** What the call used. By default its `usage`; without one, the whole of what was held. */
  measure?: (result: T, hold: Held) => Measure;
  /**
   * The call was made, and could not be settled after all tries. Its result is returned all the
   * same; unless it is settled later (for which this is the place), its hold expires uncharged.
   */
  onUnsettled?: (error: unknown, hold: Held, measure: Measure) => void | Promise<void>;
}

export class SaldoHolds {
  readonly #baseUrl: string;
  readonly #serviceKey: string;
  readonly #tries: number;
  readonly #timeoutMs: number;
  readonly #fetch: typeof fetch;

  constructor(options: Options) {
    this.#baseUrl = options.baseUrl.replace(/\/+$/, "");
    this.#serviceKey = options.serviceKey;
    this.#tries = options.tries ?? 6;
    this.#timeoutMs = options.timeoutMs ?? 10_000;
    this.#fetch = options.fetch ?? globalThis.fetch.bind(globalThis);
  }

  /**
   * Holds the most a call can cost. Without a key of the caller's own, one is made for the tries of
   * this one request, so that a lost answer never holds twice.
   */
  async place(order: Order, idempotencyKey: string = crypto.randomUUID()): Promise<Hold> {
    return this.#post<Hold>("/api/ai/holds", order, { "idempotency-key": idempotencyKey });
  }

  /** Charges what was used and gives back the rest. Safe to repeat. */
  async settle(id: string, measure: Measure): Promise<Ended> {
    return this.#post<Ended>(`/api/ai/holds/${encodeURIComponent(id)}/settle`, measure);
  }

  /** Gives everything back. Safe to repeat. */
  async release(id: string): Promise<Ended> {
    return this.#post<Ended>(`/api/ai/holds/${encodeURIComponent(id)}/release`, {});
  }

  /**
   * Holds credits, makes the call, and settles by what it used. A call that throws is released, and
   * its error is thrown on. A hold that is refused throws a `SaldoError`, and no call is made.
   */
  async guard<T>(options: GuardOptions<T>, call: (hold: Hold) => Promise<T>): Promise<T> {
    const { idempotencyKey, measure, onUnsettled, ...order } = options;
    const hold = await this.place(order, idempotencyKey);
    if (hold.id === null) return call(hold);
    let result: T;
    try {
      result = await call(hold);
    } catch (error) {
      // What cannot be released now gives back by itself; the caller has another problem.
      await this.release(hold.id).catch(() => undefined);
      throw error;
    }
    const used = measure ? measure(result, hold) : usageOf(result, hold);
    try {
      await this.settle(hold.id, used);
    } catch (error) {
      if (!onUnsettled) console.error(`hold ${hold.id} was not settled`, error);
      await onUnsettled?.(error, hold, used);
    }
    return result;
  }

  async #post<T>(path: string, body: unknown, headers: Record<string, string> = {}): Promise<T> {
    for (let attempt = 1; ; attempt += 1) {
      const answer = await this.#try<T>(path, body, headers);
      if ("value" in answer) return answer.value;
      if (!answer.again || attempt >= this.#tries) throw answer.error;
      await pause(answer.after ?? Math.random() * Math.min(4, 0.25 * 2 ** (attempt - 1)));
    }
  }

  async #try<T>(path: string, body: unknown, headers: Record<string, string>): Promise<Answer<T>> {
    let response: Response;
    let text: string;
    try {
      response = await this.#fetch(this.#baseUrl + path, {
        method: "POST",
        headers: {
          ...headers,
          authorization: `Bearer ${this.#serviceKey}`,
          "content-type": "application/json",
        },
        body: JSON.stringify(body),
        signal: AbortSignal.timeout(this.#timeoutMs),
      });
      text = await response.text();
    } catch (error) {
      // No answer at all: it may have been done, and the same request finds out.
      return { error, again: true, after: undefined };
    }
    const document = parse(text);
    if (response.ok) return { value: document as T };
    const after = Number.parseFloat(response.headers.get("retry-after") ?? "");
    const error = new SaldoError(response.status, document, Number.isFinite(after) ? after : undefined);
    return { error, again: error.isTransient, after: error.retryAfter };
  }
}

type Answer<T> = { value: T } | { error: unknown; again: boolean; after: number | undefined };

function parse(text: string): Record<string, unknown> {
  try {
    const document: unknown = JSON.parse(text);
    return typeof document === "object" && document !== null ? { ...document } : {};
  } catch {
    return {};
  }
}

function usageOf(result: unknown, hold: Held): Measure {
  const usage = typeof result === "object" && result !== null && "usage" in result ? result.usage : undefined;
  const reported = typeof usage === "object" && usage !== null;
  return reported && ("prompt_tokens" in usage || "input_tokens" in usage)
    ? { usage: usage as Usage }
    : { credits: hold.held };
}

function pause(seconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1_000));
}
