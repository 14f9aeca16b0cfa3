package dev.tern.format;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.tern.CpuKernels;
import dev.tern.Engine;
import dev.tern.KvType;
import dev.tern.Model;
import dev.tern.Session;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.IntPredicate;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * What llama.cpp and ik_llama.cpp compute for a file (tests/data/logits-gguf), beside what Tern does: the same function, each with its own
 * rounding. An exact reference stands between them. How far a program may be from it is computed: twice as far as that reference is when it
 * rounds as the program does.
 */
class PeerLogitsTest {
  private static final Path DATA = Path.of("tests", "data", "logits-gguf");

  /** As in peer_logits.sh. */
  private static final int[] SHORT = {259, 7, 101};

  private static final int[] LONG = {257, 98, 5, 5, 200, 31, 144, 0, 77, 259, 12, 250, 63, 180, 9, 111, 222, 33, 44, 155, 166, 17, 28, 239, 140, 51, 62,
      73, 84, 95, 106, 217, 228, 139};

  @TempDir Path directory;

  static List<PeerModel> models() {
    return PeerModel.ALL;
  }

  /** Logits after every token of both prompts, from each program; how far each may be from the exact ones. */
  private record Logits(double[][] exact, double[][] peer, double[][] decode, double[][] prefill, double peerBound, double ternBound) {
    static Logits of(PeerModel model, Path directory) throws IOException {
      byte[] bytes = model.toBytes();
      assertEquals(sums().get(model.name() + ".gguf"), sha256(bytes), "the peer read another file");
      Path path = directory.resolve(model.name() + ".gguf");
      Files.write(path, bytes);
      RefGraph reference = new RefGraph(GgufFile.read(ByteSource.of(bytes, model.name())));
      double[][] exact = both(reference, RefGraph.Arithmetic.EXACT);
      RefGraph.Arithmetic peer = model.peer() == PeerModel.Peer.IK ? RefGraph.Arithmetic.IK : RefGraph.Arithmetic.LLAMA_CPP;
      RefGraph.Arithmetic tern = CpuKernels.blocksInIntegers() ? RefGraph.Arithmetic.TERN_VNNI : RefGraph.Arithmetic.TERN;
      double[][] decode = new double[exact.length][];
      double[][] prefill = new double[exact.length][];
      run(path, decode, prefill);
      return new Logits(exact, read(model), decode, prefill, 2 * largest(both(reference, peer), exact),
          2 * largest(both(reference, tern), exact));
    }

    private static String sha256(byte[] bytes) {
      try {
        return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
      } catch (NoSuchAlgorithmException e) {
        throw new IllegalStateException(e); // every JDK has it
      }
    }

    private static double[][] both(RefGraph reference, RefGraph.Arithmetic arithmetic) {
      double[][] first = reference.logits(SHORT, arithmetic);
      double[][] all = Arrays.copyOf(first, SHORT.length + LONG.length);
      System.arraycopy(reference.logits(LONG, arithmetic), 0, all, SHORT.length, LONG.length);
      return all;
    }

    /** Tokens one by one, and each beginning of a prompt at once. */
    private static void run(Path path, double[][] decode, double[][] prefill) {
      try (Model model = Model.load(path);
          Engine engine = Engine.builder(model).kvType(KvType.F32).build();
          Session session = engine.newSession()) {
        int row = 0;
        for (int[] prompt : new int[][] {SHORT, LONG}) {
          session.reset();
          for (int i = 0; i < prompt.length; i++) {
            decode[row + i] = widen(session.logits(prompt[i]));
          }
          for (int i = 0; i < prompt.length; i++) {
            session.reset();
            prefill[row + i] = widen(session.logits(Arrays.copyOf(prompt, i + 1)));
          }
          row += prompt.length;
        }
      }
    }

    /** Whether neither's rounding changes which token is best there: it may lose the bound, and the next may gain it. */
    boolean sure(int row) {
      double[] sorted = exact[row].clone();
      Arrays.sort(sorted);
      return sorted[sorted.length - 1] - sorted[sorted.length - 2] > 2 * Math.max(peerBound, ternBound);
    }

    private boolean agree(int row) {
      return best(peer[row]) == best(decode[row]) && best(peer[row]) == best(prefill[row]);
    }

    private long count(IntPredicate rows) {
      return IntStream.range(0, exact.length).filter(rows).count();
    }

    private static double[] widen(float[] x) {
      return IntStream.range(0, x.length).mapToDouble(i -> x[i]).toArray();
    }

    private static double[][] read(PeerModel model) throws IOException {
      byte[] bytes = Files.readAllBytes(DATA.resolve(model.name() + ".f32"));
      assertEquals((SHORT.length + LONG.length) * PeerModel.VOCAB * Float.BYTES, bytes.length);
      ByteBuffer logits = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
      double[][] rows = new double[SHORT.length + LONG.length][PeerModel.VOCAB];
      for (double[] row : rows) {
        Arrays.setAll(row, i -> logits.getFloat());
      }
      return rows;
    }
  }

  /** The largest difference; NaN if there is one. */
  private static double largest(double[][] a, double[][] b) {
    double largest = 0;
    for (int i = 0; i < a.length; i++) {
      for (int j = 0; j < a[i].length; j++) {
        largest = Math.max(largest, Math.abs(a[i][j] - b[i][j]));
      }
    }
    return largest;
  }

  private static int best(double[] logits) {
    return IntStream.range(0, logits.length).reduce((a, b) -> logits[b] > logits[a] ? b : a).orElseThrow();
  }

  private static void assertBelow(double bound, double largest, String what) {
    assertTrue(largest <= bound, () -> String.format(Locale.ROOT, "%s: %.3g, and at most %.3g is rounding", what, largest, bound));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("models")
  void theSameLogits(PeerModel model) throws IOException {
    Logits all = Logits.of(model, directory);
    assertBelow(all.peerBound, largest(all.peer, all.exact), "the peer from the reference");
    assertBelow(all.ternBound, largest(all.decode, all.exact), "Tern's decode from the reference");
    assertBelow(all.ternBound, largest(all.prefill, all.exact), "Tern's prefill from the reference");
    assertEquals(all.count(all::sure), all.count(i -> all.sure(i) && all.agree(i)), "the best token");
    assertTrue(all.count(all::sure) > 0, "no token is sure");
  }

  /** No logits without a model, and none that only the table of hashes knows. */
  @Test
  void everyModelAndNoOther() throws IOException {
    assertEquals(models().stream().map(model -> model.name() + ".gguf").collect(Collectors.toSet()), sums().keySet());
    try (Stream<Path> files = Files.list(DATA)) {
      assertEquals(models().stream().map(model -> model.name() + ".f32").collect(Collectors.toSet()),
          files.map(path -> path.getFileName().toString()).filter(name -> name.endsWith(".f32")).collect(Collectors.toSet()));
    }
  }

  /** Hashes of the files that the peers read, by name. */
  private static Map<String, String> sums() throws IOException {
    return Files.readAllLines(DATA.resolve("SHA256SUMS")).stream().map(line -> line.split("  "))
        .collect(Collectors.toMap(columns -> columns[1], columns -> columns[0]));
  }

  /** Prints the table of docs/gguf.md. */
  public static void main(String[] args) throws IOException {
    Path directory = Files.createTempDirectory("peer");
    System.out.println("| file | largest logit | peer | at most | Tern | at most | sure | the same |");
    System.out.println("|---|---|---|---|---|---|---|---|");
    for (PeerModel model : PeerModel.ALL) {
      Logits all = Logits.of(model, directory);
      double logit = Arrays.stream(all.exact).flatMapToDouble(Arrays::stream).map(Math::abs).max().orElseThrow();
      System.out.printf(Locale.ROOT, "| %s | %.1f | %.2g | %.2g | %.2g | %.2g | %d | %d |%n", model, logit, largest(all.peer, all.exact),
          all.peerBound, Math.max(largest(all.decode, all.exact), largest(all.prefill, all.exact)), all.ternBound,
          all.count(all::sure), all.count(all::agree));
    }
  }
}
