package dev.tern.format;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.tern.ModelFormatException;
import dev.tern.ModelIoException;
import dev.tern.UnsupportedModelException;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What of a Hugging Face directory is read, when, and in which pieces. */
class HfReadsTest {
  private static final String UP = "model.layers.0.mlp.up_proj";

  @TempDir Path directory;

  private static HfDirectory masters() {
    return new HfDirectory(GgufFile.read(ByteSource.of(new RandomModel(ModelShape.of("tern-tiny")).toBytes(), "random")), HfDirectory.Weights.MASTER);
  }

  /** Counts the bytes that are read, and the most at once. */
  private record Counted(ByteSource source, AtomicLong bytes, AtomicLong most) implements ByteSource {
    @Override
    public String name() {
      return source.name();
    }

    @Override
    public long size() {
      return source.size();
    }

    @Override
    public void read(long position, ByteBuffer dst) {
      bytes.addAndGet(dst.remaining());
      most.accumulateAndGet(dst.remaining(), Math::max);
      source.read(position, dst);
    }

    @Override
    public void close() {
      source.close();
    }
  }

  private static HfFiles counted(Path directory, AtomicLong bytes) {
    HfFiles files = HfFiles.in(directory);
    return new HfFiles() {
      @Override
      public String name() {
        return files.name();
      }

      @Override
      public boolean has(String file) {
        return files.has(file);
      }

      @Override
      public ByteSource open(String file) {
        ByteSource source = files.open(file);
        return file.endsWith(".safetensors") ? new Counted(source, bytes, new AtomicLong()) : source;
      }

      @Override
      public List<String> list(String folder) {
        return files.list(folder);
      }
    };
  }

  /** All that inspecting and tokenizing need is known from headers; a master's mean is found once, when it is asked for. */
  @Test
  void mastersAreReadWhenTheyAreNeeded() throws IOException {
    Path hf = masters().write(directory.resolve("hf"), 1);
    long header = 8 + ByteBuffer.wrap(Files.readAllBytes(hf.resolve("model.safetensors"))).order(ByteOrder.LITTLE_ENDIAN).getLong(0);
    AtomicLong bytes = new AtomicLong();
    try (ModelFile file = new HfModel(counted(hf, bytes), "counted")) {
      ModelSpec spec = ModelSpec.from(file);
      Tokenizer.from(file);
      assertEquals(header, bytes.get());
      WeightRef up = spec.weights().stream().filter(w -> w.name().equals("blk.0.ffn_up.weight")).findFirst().orElseThrow();
      List<Float> scales = IntStream.range(0, 64).parallel().mapToObj(i -> up.scale(file)).distinct().toList();
      assertEquals(1, scales.size());
      assertTrue(scales.get(0) > 0 && scales.get(0) < 1, scales.toString());
      assertEquals(4L * up.nRows() * up.nCols(), bytes.get() - header); // of floats, each once
      assertTrue(file.isDerived(file.tensor("blk.0.ffn_up.scale")));
      assertFalse(file.isDerived(file.tensor("blk.0.ffn_up.weight")));
    }
    bytes.set(0);
    try (ModelFile file = new HfModel(counted(hf, bytes), "counted")) { // rows before the scale: the same
      ByteBuffer a = ByteBuffer.allocate(100);
      ByteBuffer b = ByteBuffer.allocate(100);
      file.readTensor(file.tensor("blk.0.ffn_up.weight"), 1000, a);
      file.readTensor(file.tensor("blk.0.ffn_up.scale"), 0, ByteBuffer.allocate(4));
      file.readTensor(file.tensor("blk.0.ffn_up.weight"), 1000, b);
      assertArrayEquals(a.array(), b.array());
    }
  }

  /** A sparse file of half a terabyte whose dimensions are not the model's is refused before any of it is read. */
  @Test
  void dimensionsComeFirst() throws IOException {
    Path hf = masters().write(directory.resolve("hf"), 1);
    long nBytes = 1L << 39;
    byte[] header = ("{\"" + UP + ".weight\":{\"dtype\":\"BF16\",\"shape\":[262144,1048576],\"data_offsets\":[0," + nBytes + "]}}")
        .getBytes(StandardCharsets.UTF_8);
    try (RandomAccessFile out = new RandomAccessFile(hf.resolve("model.safetensors").toFile(), "rw")) {
      out.setLength(0);
      out.write(ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(header.length).array());
      out.write(header);
      out.setLength(8 + header.length + nBytes);
    }
    ModelFormatException e = assertTimeoutPreemptively(Duration.ofSeconds(20), () -> assertThrows(ModelFormatException.class, () -> ModelFile.open(hf)));
    assertTrue(e.getMessage().contains("dimensions [1048576, 262144], expected [256, 512]"), e.getMessage());
  }

  /** A row of 64 MiB is read for its mean as any other bytes, and so is one with a value that is not finite. */
  @Test
  void aLongRowIsReadInPieces() {
    int n = 1 << 24;
    byte[] header = ("{\"w\":{\"dtype\":\"F32\",\"shape\":[1," + n + "],\"data_offsets\":[0," + 4L * n + "]}}").getBytes(StandardCharsets.UTF_8);
    ByteBuffer bytes = ByteBuffer.allocate(8 + header.length + 4 * n).order(ByteOrder.LITTLE_ENDIAN);
    bytes.putLong(header.length).put(header);
    for (int i = 0; i < n; i++) {
      bytes.putFloat(i % 2 == 0 ? 3 : -1);
    }
    AtomicLong most = new AtomicLong();
    ByteBuffer mean = ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN);
    try (SafetensorsFile file = new SafetensorsFile(new Counted(ByteSource.of(bytes.array(), "long"), new AtomicLong(), most))) {
      HfTensor master = HfTensor.master("w", file, file.tensors().get("w"), 0);
      HfTensor.mean("m", master).read(0, mean);
      assertEquals(2, mean.getFloat(0));
      assertEquals(256 << 10, most.get());
      bytes.putFloat(8 + header.length + 4 * (n - 1), Float.NaN);
      HfTensor bad = HfTensor.mean("m", HfTensor.master("w", file, file.tensors().get("w"), 0));
      assertThrows(ModelFormatException.class, () -> bad.read(0, mean.clear()));
    }
  }

  /** What a file holds beside what the index names would change the result as much as if it were named. */
  @Test
  void tensorsThatTheIndexDoesNotName() throws IOException {
    HfDirectory made = masters();
    String bias = "model.layers.0.self_attn.q_proj.bias";
    made.copy("model.norm.weight", bias);
    Path hf = made.write(directory.resolve("hf"), 2);
    ObjectMapper mapper = new ObjectMapper();
    Path index = hf.resolve("model.safetensors.index.json");
    ObjectNode root = (ObjectNode) mapper.readTree(index.toFile());
    ((ObjectNode) root.get("weight_map")).remove(bias);
    mapper.writeValue(index.toFile(), root);
    try (ModelFile file = ModelFile.open(hf)) {
      UnsupportedModelException e = assertThrows(UnsupportedModelException.class, () -> ModelSpec.from(file));
      assertTrue(e.getMessage().contains(bias), e.getMessage());
    }
    Files.copy(hf.resolve("model-00001-of-00002.safetensors"), hf.resolve("more.safetensors"));
    ((ObjectNode) root.get("weight_map")).put("model.embed_tokens.weight", "more.safetensors");
    mapper.writeValue(index.toFile(), root);
    assertTrue(assertThrows(ModelFormatException.class, () -> ModelFile.open(hf)).getMessage().contains("is there twice"));
  }

  /** What is built in another way is no cache of Hugging Face: a folder called snapshots alone opens nothing to a link. */
  @Test
  void linksOutOfWhatIsNoCache() throws IOException {
    String[][] trees = {{"models--x/snapshots/1", "models--x"}, {"models--x/snapshots/1", "models--x/snapshots/2"}, {"mine/snapshots/1", "mine/blobs"},
        {"models--y/snapshots/1", "models--y/blobs/deep"}, {"models--y/snapshots/1/1", "models--y/blobs"}};
    for (String[] tree : trees) {
      Path hf = masters().write(directory.resolve(tree[0]), 1);
      Path elsewhere = Files.createDirectories(directory.resolve(tree[1])).resolve("weights");
      Files.move(hf.resolve("model.safetensors"), elsewhere, StandardCopyOption.REPLACE_EXISTING);
      Files.createSymbolicLink(hf.resolve("model.safetensors"), elsewhere);
      ModelIoException e = assertThrows(ModelIoException.class, () -> ModelFile.open(hf), tree[1]);
      assertTrue(e.getMessage().contains("outside"), e.getMessage());
      Files.delete(hf.resolve("model.safetensors"));
    }
  }

  /** The JDK keeps a direct buffer with each thread that reads a file into an array: no larger than 64 KiB. */
  @Test
  void readingIntoAnArrayKeepsNoLargeBuffer() throws Exception {
    byte[] bytes = new byte[8 << 20];
    for (int i = 0; i < bytes.length; i += 999) {
      bytes[i] = (byte) i;
    }
    Path path = Files.write(directory.resolve("large"), bytes);
    ByteBuffer into = ByteBuffer.allocate(bytes.length + 2).position(1).limit(bytes.length + 1);
    AtomicLong kept = new AtomicLong();
    Thread thread = new Thread(() -> {
      try (ByteSource source = ByteSource.open(path)) {
        long before = Allocation.directBytes();
        source.read(0, into);
        kept.set(Allocation.directBytes() - before);
      }
    });
    thread.start();
    thread.join();
    assertEquals(bytes.length + 1, into.position());
    assertEquals(bytes.length + 1, into.limit());
    assertArrayEquals(bytes, java.util.Arrays.copyOfRange(into.array(), 1, 1 + bytes.length));
    assertTrue(kept.get() <= 1 << 20, kept + " bytes of direct buffers");
  }

  // ---- small heaps ----------------------------------------------------------------------------------------------------

  /** In a JVM of its own: what comes of opening a model. */
  public static final class Child {
    private Child() {}

    public static void main(String[] args) {
      try {
        ModelFile.open(Path.of(args[0])).close();
        System.out.println("opened");
      } catch (Throwable e) {
        System.out.println(e.getClass().getSimpleName());
      }
    }
  }

  private String open(Path path, String heap) throws Exception {
    Path out = directory.resolve("out.txt");
    Process process = new ProcessBuilder(ProcessHandle.current().info().command().orElseThrow(), heap, "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp",
        System.getProperty("java.class.path"), Child.class.getName(), path.toString()).redirectErrorStream(true).redirectOutput(out.toFile()).start();
    try {
      assertTrue(process.waitFor(120, TimeUnit.SECONDS));
    } finally {
      process.destroyForcibly();
    }
    return Files.readString(out).strip();
  }

  @Test
  void aHeapThatIsTooSmallIsATypedException() throws Exception {
    Path hf = masters().write(directory.resolve("hf"), 1);
    String json = Files.readString(hf.resolve("tokenizer.json"));
    Files.writeString(hf.resolve("tokenizer.json"), json.substring(0, json.length() - 1) + ",\"normalizer\":[{}" + ",{}".repeat(250_000) + "]}");
    assertEquals("opened", open(hf, "-Xmx64m"));
    assertEquals("CapacityException", open(hf, "-Xmx8m"));
  }
}
