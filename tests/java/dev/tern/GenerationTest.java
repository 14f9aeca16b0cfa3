package dev.tern;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.tern.cache.CachePolicy;
import java.util.ArrayList;
import java.util.Collections;
import java.util.ConcurrentModificationException;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Flow;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(120)
class GenerationTest {
  private static final Sampling ENDLESS = Sampling.greedy().maxTokens(0).ignoreEos(true);
  private static final String PROMPT = "Once upon a time";
  private static Model model;
  private Engine engine;
  private Session session;

  @BeforeAll
  static void load() {
    model = TestModels.stories();
  }

  @AfterAll
  static void unload() {
    model.close();
  }

  @BeforeEach
  void open() {
    engine = Engine.builder(model).maxSequences(2).queueCapacity(8).build();
    session = engine.newSession();
  }

  @AfterEach
  void close() {
    engine.close();
  }

  private static Sampling greedy(int n) {
    return Sampling.greedy().maxTokens(n).ignoreEos(true);
  }

  private String expected(int n) {
    try (Session other = engine.newSession()) {
      return other.generate(PROMPT, greedy(n)).result().text();
    }
  }

  @Test
  void everyWayOfReadingGivesTheSameText() throws Exception {
    String expected = expected(50);
    StringBuilder iterated = new StringBuilder();
    Generation generation = session.generate(PROMPT, greedy(50));
    for (Token token : generation) {
      iterated.append(token.text());
    }
    assertEquals(expected, iterated.toString());
    assertEquals(expected, generation.result().text());
    assertEquals(expected, generation.future().get(10, TimeUnit.SECONDS).text());
    assertEquals(FinishReason.LENGTH, generation.finishReason());
    assertThrows(NoSuchElementException.class, generation::next);
    session.reset();
    try (Stream<Token> stream = session.generate(PROMPT, greedy(50)).stream()) {
      assertEquals(expected, stream.map(Token::text).collect(Collectors.joining()));
    }
    session.reset();
    assertEquals(expected, session.generate(PROMPT, greedy(50)).future().get(10, TimeUnit.SECONDS).text());
    session.reset();
    Subscriber subscriber = new Subscriber(3);
    session.generate(PROMPT, greedy(50)).publisher().subscribe(subscriber);
    subscriber.awaitDone();
    assertEquals(expected, subscriber.text());
    assertTrue(subscriber.completed);
  }

  @Test
  void theResultTellsWhatWasUsed() {
    Generation generation = session.generate(PROMPT, greedy(20));
    GenerationResult result = generation.result();
    int nPrompt = model.tokenizer().encode(PROMPT).length;
    assertEquals(new Usage(nPrompt, 20), result.usage());
    assertEquals(20, result.ids().length);
    assertEquals(nPrompt + 20, session.length());
    Timings t = result.timings();
    assertTrue(t.queuedNanos() >= 0 && t.firstTokenNanos() >= t.queuedNanos() && t.prefillNanos() >= 0, t.toString());
    assertTrue(t.decodeNanos() > 0 && t.totalNanos() >= t.firstTokenNanos() + t.decodeNanos(), t.toString());
    EngineStats stats = engine.stats();
    assertEquals(20, stats.decodedTokens());
    assertEquals(nPrompt, stats.promptRows());
    assertEquals(20, stats.steps());
    assertTrue(stats.stepNanos() > 0 && stats.usedPages() > 0 && stats.sessions() == 1);
  }

  @Test
  void aSlowReaderPausesOnlyItself() throws Exception {
    Generation slow = session.generate(PROMPT, greedy(100));
    assertEquals(expected(100), expected(100), "others run");
    Thread.sleep(20);
    assertEquals(8, slow.usage().generatedTokens(), "as many as the queue holds");
    StringBuilder text = new StringBuilder();
    for (Token token : slow) {
      text.append(token.text());
    }
    assertEquals(expected(100), text.toString(), "nothing is dropped");
  }

  @Test
  void stopsAtStopTokensAndStopStrings() {
    GenerationResult all = session.generate(PROMPT, greedy(60)).result();
    int stop = all.ids()[30];
    int first = 0;
    while (all.ids()[first] != stop) {
      first++;
    }
    session.reset();
    GenerationResult byToken = session.generate(PROMPT, greedy(60).stopTokens(List.of(stop))).result();
    assertEquals(FinishReason.STOP, byToken.finishReason());
    assertEquals(first + 1, byToken.ids().length);
    session.reset();
    GenerationResult byText = session.generate(PROMPT, greedy(60).stopStrings(List.of("nothing of it", "play outside"))).result();
    assertEquals(FinishReason.STOP, byText.finishReason());
    assertEquals(all.text().substring(0, all.text().indexOf("play outside")), byText.text());
    session.reset();
    Sampling eos = Sampling.greedy().maxTokens(0).temperature(1);
    assertEquals(FinishReason.STOP, session.generate("The end.", eos.stopTokens(List.of(TestModels.BOS))).result().finishReason());
  }

  @Test
  void cancelEndsAtTheNextStep() {
    Generation generation = session.generate(PROMPT, ENDLESS);
    generation.next();
    generation.cancel();
    assertThrows(CancelledException.class, () -> {
      while (generation.hasNext()) {
        generation.next();
      }
    });
    GenerationResult result = generation.result();
    assertEquals(FinishReason.CANCELLED, result.finishReason());
    assertTrue(result.usage().generatedTokens() < 20);
    // and the session goes on
    session.generate(" and", greedy(5)).result();
    generation.cancel();
    generation.close();
    assertEquals(FinishReason.CANCELLED, generation.finishReason());
  }

  @Test
  void leavingALoopEarlyAndClosingIsEnough() {
    for (int i = 0; i < 300; i++) {
      try (Generation generation = session.generate(PROMPT, ENDLESS)) {
        for (Token token : generation) {
          if (token.id() >= 0) {
            break;
          }
        }
      }
    }
    assertEquals(0, engine.stats().running());
    Generation generation = session.generate(PROMPT, ENDLESS);
    generation.close();
    assertThrows(ClosedException.class, generation::hasNext);
  }

  @Test
  void anInterruptedReaderFreesTheSession() throws Exception {
    for (int i = 0; i < 50; i++) {
      Generation generation = session.generate(PROMPT, ENDLESS);
      Throwable[] thrown = {null};
      boolean[] flag = {false};
      Thread reader = new Thread(() -> {
        try {
          generation.forEachRemaining(token -> {});
        } catch (RuntimeException e) {
          thrown[0] = e;
          flag[0] = Thread.currentThread().isInterrupted();
        }
      });
      reader.start();
      Thread.sleep(0, 200_000);
      reader.interrupt();
      reader.join();
      assertInstanceOf(CancelledException.class, thrown[0]);
      assertTrue(flag[0], "the flag is kept");
      session.generate(" and", greedy(2)).result();
    }
    Thread.currentThread().interrupt();
    assertThrows(CancelledException.class, () -> session.logits(1, 2, 3));
    assertTrue(Thread.interrupted());
    session.logits(1, 2, 3);
  }

  @Test
  void resettingEndsWhatRunsAndStartsAnew() {
    String expected = expected(5);
    for (int i = 0; i < 300; i++) {
      Generation running = session.generate("x", ENDLESS);
      session.reset();
      assertEquals(0, session.length());
      assertEquals(expected, session.generate(PROMPT, greedy(5)).result().text());
      assertThrows(CancelledException.class, () -> running.forEachRemaining(t -> {}));
      session.reset();
    }
  }

  @Test
  void misuseIsRefused() {
    assertThrows(IllegalArgumentException.class, () -> session.generate(new int[0], greedy(1)));
    for (int bad : new int[] {-1, 512, Integer.MIN_VALUE, Integer.MAX_VALUE}) {
      IllegalArgumentException e =
          assertThrows(IllegalArgumentException.class, () -> session.generate(new int[] {1, bad}, greedy(1)));
      assertTrue(e.getMessage().contains("token 1 is " + bad) && e.getMessage().contains("511"), e.getMessage());
      assertThrows(IllegalArgumentException.class, () -> session.logits(bad));
      assertThrows(IllegalArgumentException.class, () -> session.score(bad));
      assertThrows(IllegalArgumentException.class, () -> session.generate("x", greedy(1).stopTokens(List.of(bad))));
    }
    assertThrows(IllegalArgumentException.class, () -> session.logits());
    assertThrows(NullPointerException.class, () -> session.generate((String) null, greedy(1)));
    assertThrows(NullPointerException.class, () -> session.generate("x", null));
    assertEquals(0, session.length());
    try (Generation running = session.generate(PROMPT, ENDLESS)) {
      assertThrows(ConcurrentModificationException.class, () -> session.generate("x", greedy(1)));
      assertThrows(ConcurrentModificationException.class, () -> session.score(1, 2));
      running.next();
      assertThrows(IllegalStateException.class, running::publisher);
    }
    session.reset();
    Generation collected = session.generate(PROMPT, greedy(3));
    collected.future();
    assertThrows(IllegalStateException.class, collected::iterator);
    session.reset();
    session.logits(1);
    assertThrows(IllegalArgumentException.class, () -> session.generate("", greedy(1)), "nothing to feed");
    engine.newSession();
    CapacityException full = assertThrows(CapacityException.class, () -> engine.newSession());
    assertTrue(full.getMessage().contains("maxSequences"), full.getMessage());
  }

  @Test
  void buildersRefuseWhatCannotBe() {
    Engine.Builder b = Engine.builder(model);
    for (int bad : new int[] {-1, Integer.MIN_VALUE, Integer.MAX_VALUE}) {
      assertThrows(IllegalArgumentException.class, () -> b.threads(bad));
      assertThrows(IllegalArgumentException.class, () -> b.maxSequences(bad));
      assertThrows(IllegalArgumentException.class, () -> b.prefillChunk(bad));
      assertThrows(IllegalArgumentException.class, () -> b.queueCapacity(bad));
      assertThrows(IllegalArgumentException.class, () -> b.scoreRows(bad));
      assertThrows(IllegalArgumentException.class, () -> b.kvPages(bad));
    }
    assertThrows(IllegalArgumentException.class, () -> Engine.builder(model).threads(engine.threads() + 1).build(), "shared threads");
    assertThrows(
        RuntimeException.class,
        () -> Engine.builder(model).maxSequences(4096).cachePolicy(CachePolicy.dense(1 << 24)).build(), "terabytes");
    engine.newSession().generate(PROMPT, greedy(3)).result();
  }

  @Test
  void anEmptyPromptIsTheBeginToken() {
    assertEquals("Once upon a time", session.generate("", greedy(20)).result().text().substring(0, 16));
    assertEquals(21, session.length());
  }

  @Test
  void aDenseCacheEndsWithContextFull() {
    try (Engine dense = Engine.builder(model).cachePolicy(CachePolicy.dense(50)).build(); Session s = dense.newSession()) {
      GenerationResult result = s.generate(PROMPT, ENDLESS).result();
      assertEquals(FinishReason.CONTEXT_FULL, result.finishReason());
      assertEquals(51, s.length());
      assertThrows(ContextFullException.class, () -> s.generate("more", ENDLESS));
      s.reset();
      assertThrows(ContextFullException.class, () -> s.generate(new int[51], ENDLESS));
      s.generate(new int[] {1}, greedy(3)).result();
    }
  }

  @Test
  void cutCharactersComeWholeOrAsReplacement() {
    int[] bytes = new int[6]; // <0xF0> <0x9F> <0x90> <0xA2> as byte tokens: ids 3 + byte
    TokenQueue queue = new TokenQueue(100);
    TokenFeed feed = new TokenFeed(greedy(4), model.tokenizer().eogIds(), model.tokenizer().decoder(false), queue);
    bytes[0] = model.tokenizer().find("<0xF0>");
    bytes[1] = model.tokenizer().find("<0x9F>");
    bytes[2] = model.tokenizer().find("<0x90>");
    bytes[3] = model.tokenizer().find("<0xA2>");
    for (int i = 0; i < 4; i++) {
      assertEquals(i < 3, feed.token(bytes[i], 0));
      assertEquals(i < 3 ? "" : "\uD83D\uDC22", queue.poll().text());
    }
    TokenFeed cut = new TokenFeed(greedy(2), model.tokenizer().eogIds(), model.tokenizer().decoder(false), queue);
    cut.token(bytes[0], 0);
    assertFalse(cut.token(bytes[1], 0));
    queue.poll();
    assertEquals("\uFFFD", queue.poll().text());
  }

  // ---- publisher ----

  private static class Subscriber implements Flow.Subscriber<Token> {
    final List<Token> tokens = Collections.synchronizedList(new ArrayList<>());
    final CountDownLatch done = new CountDownLatch(1);
    final int batch;
    volatile Flow.Subscription subscription;
    volatile Throwable error;
    volatile boolean completed;

    Subscriber(int batch) {
      this.batch = batch;
    }

    @Override
    public void onSubscribe(Flow.Subscription s) {
      subscription = s;
      if (batch > 0) {
        s.request(batch);
      }
    }

    @Override
    public void onNext(Token token) {
      tokens.add(token);
      if (batch > 0 && tokens.size() % batch == 0) {
        subscription.request(batch);
      }
    }

    @Override
    public void onError(Throwable e) {
      error = e;
      done.countDown();
    }

    @Override
    public void onComplete() {
      completed = true;
      done.countDown();
    }

    void awaitDone() throws InterruptedException {
      assertTrue(done.await(60, TimeUnit.SECONDS));
    }

    String text() {
      return tokens.stream().map(Token::text).collect(Collectors.joining());
    }
  }

  @Test
  void aPublisherGivesWhatIsRequestedAndNoMore() throws Exception {
    Subscriber s = new Subscriber(0);
    Generation generation = session.generate(PROMPT, greedy(30));
    generation.publisher().subscribe(s);
    Thread.sleep(20);
    assertEquals(0, s.tokens.size());
    for (int i = 1; i <= 5; i++) {
      s.subscription.request(2);
      while (s.tokens.size() < 2 * i) {
        Thread.sleep(1);
      }
    }
    Thread.sleep(20);
    assertEquals(10, s.tokens.size());
    s.subscription.request(Long.MAX_VALUE);
    s.subscription.request(Long.MAX_VALUE);
    s.awaitDone();
    assertTrue(s.completed);
    assertEquals(expected(30), s.text());
  }

  @Test
  void aSubscriberMayCancelMisbehaveOrComeSecond() throws Exception {
    Subscriber cancels = new Subscriber(0);
    Generation first = session.generate(PROMPT, ENDLESS);
    Flow.Publisher<Token> publisher = first.publisher();
    publisher.subscribe(cancels);
    Subscriber second = new Subscriber(1);
    publisher.subscribe(second);
    second.awaitDone();
    assertInstanceOf(IllegalStateException.class, second.error);
    cancels.subscription.request(3);
    cancels.subscription.cancel();
    assertEquals(FinishReason.CANCELLED, first.result().finishReason());

    Subscriber misbehaves = new Subscriber(0);
    Generation other = session.generate(PROMPT, ENDLESS);
    other.publisher().subscribe(misbehaves);
    misbehaves.subscription.request(0);
    misbehaves.awaitDone();
    assertInstanceOf(IllegalArgumentException.class, misbehaves.error);
    assertEquals(FinishReason.CANCELLED, other.result().finishReason());

    Subscriber throwing = new Subscriber(1) {
      @Override
      public void onNext(Token token) {
        throw new IllegalStateException("as if");
      }
    };
    Generation third = session.generate(PROMPT, ENDLESS);
    third.publisher().subscribe(throwing);
    assertEquals(FinishReason.CANCELLED, third.result().finishReason());
    assertNull(throwing.error);
  }

  @Test
  void closingTheEngineReachesEveryKindOfReader() throws Exception {
    Generation iterated = session.generate(PROMPT, ENDLESS);
    Session other = engine.newSession();
    Subscriber s = new Subscriber(1);
    Generation published = other.generate(PROMPT, ENDLESS);
    published.publisher().subscribe(s);
    iterated.next();
    engine.close();
    s.awaitDone();
    assertInstanceOf(ClosedException.class, s.error);
    assertThrows(ClosedException.class, () -> iterated.forEachRemaining(t -> {}));
    assertEquals(FinishReason.ERROR, iterated.finishReason());
    CompletionException e = assertThrows(CompletionException.class, () -> iterated.future().join());
    assertInstanceOf(ClosedException.class, e.getCause());
    assertThrows(ClosedException.class, () -> session.generate(PROMPT, ENDLESS));
    assertThrows(ClosedException.class, () -> engine.newSession());
    assertTrue(session.isClosed() && engine.isClosed());
    assertSame(model, engine.model());
    session.close();
    engine.close();
  }
}
