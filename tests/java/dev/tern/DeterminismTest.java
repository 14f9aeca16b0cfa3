package dev.tern;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;

import dev.tern.cache.CachePolicy;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** A session's tokens and their log-probabilities are the same bits whatever else runs, and whatever the engine's settings. */
class DeterminismTest {
  private static final Sampling SAMPLING = Sampling.defaults().temperature(1).repeatPenalty(1.2f).topK(50).minP(0.01f).ignoreEos(true);
  private static Model model;

  @BeforeAll
  static void load() {
    model = TestModels.stories();
  }

  @AfterAll
  static void close() {
    model.close();
  }

  private static Engine engine(int sequences, int chunk) {
    return Engine.builder(model).maxSequences(sequences).prefillChunk(chunk).cachePolicy(CachePolicy.sinksAndWindow(4, 90)).build();
  }

  private static List<Token> read(Generation generation) {
    List<Token> tokens = new ArrayList<>();
    generation.forEachRemaining(tokens::add);
    return tokens;
  }

  @Test
  void aloneOrBesideOthersEveryTokenIsTheSame() throws Exception {
    int n = 160;
    List<Token> alone;
    try (Engine engine = engine(1, 128); Session session = engine.newSession()) {
      alone = read(session.generate("One day, a big dog", SAMPLING.seed(42).maxTokens(n)));
    }
    Random random = Seed.random();
    for (int round = 0; round < 5; round++) {
      try (Engine engine = engine(6, 1 + random.nextInt(40))) {
        List<Thread> others = new ArrayList<>();
        for (int i = 0; i < 5; i++) {
          Session other = engine.newSession();
          String prompt = "Tim and his mom went ".repeat(1 + random.nextInt(12));
          Sampling sampling = SAMPLING.seed(random.nextLong()).maxTokens(20 + random.nextInt(150)).temperature(0.5f + random.nextFloat());
          Thread thread = new Thread(() -> other.generate(prompt, sampling).result());
          thread.start();
          others.add(thread);
        }
        Session session = engine.newSession();
        assertEquals(alone, read(session.generate("One day, a big dog", SAMPLING.seed(42).maxTokens(n))), Seed.text() + " round " + round);
        for (Thread thread : others) {
          thread.join();
        }
      }
    }
  }

  @Test
  void aStreamInPartsIsTheSameStream() {
    try (Engine engine = engine(2, 16); Session whole = engine.newSession(); Session parts = engine.newSession()) {
      List<Token> expected = read(whole.generate("Once upon a time", SAMPLING.seed(3).maxTokens(120)));
      List<Token> got = read(parts.generate("Once upon a time", SAMPLING.seed(3).maxTokens(30)));
      for (int i = 0; i < 3; i++) {
        got.addAll(read(parts.generate("", SAMPLING.seed(3).maxTokens(30))));
      }
      List<Integer> expectedIds = expected.stream().map(Token::id).toList();
      assertEquals(expectedIds, got.stream().map(Token::id).toList());
      assertEquals(whole.length(), parts.length());
    }
  }

  @Test
  void anotherSeedGivesOtherTokens() { // a negative control: the comparison above sees a difference
    try (Engine engine = engine(1, 16); Session session = engine.newSession()) {
      List<Token> first = read(session.generate("Once upon a time", SAMPLING.seed(1).maxTokens(40)));
      session.reset();
      assertEquals(first, read(session.generate("Once upon a time", SAMPLING.seed(1).maxTokens(40))));
      session.reset();
      assertNotEquals(first, read(session.generate("Once upon a time", SAMPLING.seed(2).maxTokens(40))));
    }
  }

  @Test
  void eightSessionsAtOnceGiveWhatEachGivesAlone() throws Exception {
    List<String> expected = new ArrayList<>();
    try (Engine engine = engine(1, 64); Session session = engine.newSession()) {
      for (int i = 0; i < 8; i++) {
        expected.add(session.generate("Lily " + i, SAMPLING.seed(i).maxTokens(100)).result().text());
        session.reset();
      }
    }
    try (Engine engine = engine(8, 64)) {
      String[] got = new String[8];
      List<Thread> threads = new ArrayList<>();
      for (int i = 0; i < 8; i++) {
        int index = i;
        threads.add(new Thread(() -> {
          try (Session session = engine.newSession()) {
            got[index] = session.generate("Lily " + index, SAMPLING.seed(index).maxTokens(100)).result().text();
          }
        }));
        threads.get(i).start();
      }
      for (Thread thread : threads) {
        thread.join();
      }
      assertEquals(expected, List.of(got));
      assertEquals(0, engine.stats().sessions());
    }
  }
}
