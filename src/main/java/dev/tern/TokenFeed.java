package dev.tern;

import dev.tern.format.TokenDecoder;
import dev.tern.schedule.TaskListener;
import java.util.Set;
import java.util.concurrent.CompletableFuture;

/** The writing side of a generation: on the scheduler's thread it turns ids into tokens with text, and knows when enough is enough. */
final class TokenFeed implements TaskListener {
  /** Tokens up to which a result is kept whole; of a longer generation, or an endless one, the last part. */
  private static final int MAX_WHOLE = 1 << 18;

  private final Sampling sampling;
  private final Set<Integer> eogIds;
  private final TokenDecoder decoder;
  private final StopText stopText;
  private final TokenQueue queue;
  private final Transcript transcript;
  private final CompletableFuture<GenerationResult> done = new CompletableFuture<>();
  private final long submitted = System.nanoTime();
  private volatile long begun = -1;
  private volatile long firstToken = -1;
  private volatile long lastToken = -1;
  private volatile long end = -1;
  private volatile int nPrompt;
  private volatile long nGenerated; // an endless stream passes 2^31
  private volatile FinishReason finishReason;

  TokenFeed(Sampling sampling, Set<Integer> eogIds, TokenDecoder decoder, TokenQueue queue) {
    this.sampling = sampling;
    this.eogIds = eogIds;
    this.decoder = decoder;
    this.queue = queue;
    stopText = new StopText(sampling.stopStrings());
    transcript = new Transcript(sampling.maxTokens() == 0 || sampling.maxTokens() > MAX_WHOLE);
  }

  @Override
  public boolean hasRoom() {
    return queue.hasRoom();
  }

  @Override
  public void started(int nPrompt) {
    this.nPrompt = nPrompt;
    begun = System.nanoTime() - submitted;
  }

  @Override
  public boolean token(int id, float logprob) {
    lastToken = System.nanoTime() - submitted;
    if (firstToken < 0) {
      firstToken = lastToken;
    }
    long n = nGenerated + 1;
    nGenerated = n;
    String text = stopText.put(decoder.put(id));
    FinishReason reason = null;
    if (stopText.isFound() || (eogIds.contains(id) && !sampling.ignoreEos()) || sampling.stopTokens().contains(id)) {
      reason = FinishReason.STOP;
    } else if (sampling.maxTokens() > 0 && n == sampling.maxTokens()) {
      reason = FinishReason.LENGTH;
    }
    if (reason != null && !stopText.isFound()) {
      text += stopText.put(decoder.finish());
      text += stopText.finish();
    }
    finishReason = reason;
    Token token = new Token(id, text, logprob);
    transcript.add(token);
    queue.put(token);
    return reason == null;
  }

  @Override
  public void ended(TernException failure) {
    TernException thrown = failure;
    if (failure instanceof CancelledException) {
      finishReason = FinishReason.CANCELLED;
    } else if (failure instanceof ContextFullException && nGenerated > 0) {
      finishReason = FinishReason.CONTEXT_FULL;
      thrown = null;
    } else if (failure != null) {
      finishReason = FinishReason.ERROR;
    }
    end = System.nanoTime() - submitted;
    queue.end(thrown);
    if (thrown == null || thrown instanceof CancelledException) {
      done.complete(new GenerationResult(transcript.text(), transcript.ids(), finishReason, usage(), timings()));
    } else {
      done.completeExceptionally(thrown);
    }
  }

  /** Completes on the scheduler's thread: hand out only dependents that run elsewhere. */
  CompletableFuture<GenerationResult> done() {
    return done;
  }

  boolean hasEnded() {
    return end >= 0;
  }

  FinishReason finishReason() {
    return hasEnded() ? finishReason : null;
  }

  Usage usage() {
    return new Usage(nPrompt, nGenerated);
  }

  Timings timings() {
    long total = end >= 0 ? end : System.nanoTime() - submitted;
    return new Timings(begun >= 0 ? begun : total, firstToken, firstToken < 0 ? 0 : lastToken - firstToken, total);
  }
}
