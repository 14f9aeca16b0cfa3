package dev.tern.format;

import static dev.tern.format.FileFaults.entry;
import static dev.tern.format.FileFaults.gguf;
import static dev.tern.format.FileFaults.merges;
import static dev.tern.format.FileFaults.model;
import static dev.tern.format.FileFaults.read;
import static dev.tern.format.FileFaults.readAll;
import static dev.tern.format.FileFaults.safetensors;
import static dev.tern.format.FileFaults.smallSafetensors;
import static dev.tern.format.FileFaults.smallTokenizer;
import static dev.tern.format.FileFaults.tiny;
import static dev.tern.format.FileFaults.truncate;
import static dev.tern.format.FileFaults.vocab;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.node.ArrayNode;
import dev.tern.Model;
import dev.tern.ModelChangedException;
import dev.tern.ModelFormatException;
import dev.tern.ModelIoException;
import dev.tern.TernException;
import dev.tern.UnsupportedModelException;
import java.io.ByteArrayInputStream;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.io.TempDir;

/**
 * The nineteen ways for a model file to be at fault, each by its number, in every container that can have it: GGUF, split GGUF, Hugging Face
 * directories with their safetensors, tokenizers. Each is a typed exception that says what is wrong; nothing large is allocated for
 * it, and native memory is back where it was. More kinds of each: GgufMalformedTest, ModelSpecTest, TokenizerMalformedTest, HfModelTest,
 * SafetensorsMalformedTest, TokenizerJsonMalformedTest.
 */
@TestMethodOrder(MethodOrderer.MethodName.class)
class FileFaultsTest {
  private static final long MAX = -1; // 2^64 - 1

  @TempDir Path directory;

  private long nativeBytes;

  @BeforeEach
  void before() {
    nativeBytes = Model.nativeBytes();
  }

  @AfterEach
  void nothingIsLeftBehind() {
    assertEquals(nativeBytes, Model.nativeBytes());
  }

  private void hf(Class<? extends TernException> type, String message, Consumer<HfDirectory> change) {
    HfDirectory made = tiny();
    change.accept(made);
    Path path = made.write(directory.resolve("hf"), 1);
    loading(type, message, path);
  }

  private static void loading(Class<? extends TernException> type, String message, Path path) {
    TernException e = assertThrows(type, () -> Model.load(path).close());
    assertTrue(e.getMessage().contains(message), e.getMessage());
  }

  private Path write(String name, byte[] bytes) {
    try {
      return Files.write(directory.resolve(name), bytes);
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }

  /** A tensor of a whole model, with these bytes. */
  private void weight(String message, TensorType type, byte... start) {
    TinyModel model = new TinyModel("bitnet-b1.58");
    byte[] bytes = model.tensor("blk.0.ffn_gate.weight", type, 0, TinyModel.HIDDEN, TinyModel.FFN).bytes();
    GgufFile file = GgufFile.read(ByteSource.of(bytes, "model"));
    System.arraycopy(start, 0, bytes, (int) file.tensor("blk.0.ffn_gate.weight").offset(), start.length);
    loading(ModelFormatException.class, "'blk.0.ffn_gate.weight'", write("weight.gguf", bytes));
    loading(ModelFormatException.class, message, directory.resolve("weight.gguf"));
  }

  // ---- the cases ------------------------------------------------------------------------------------------------------

  @Test
  void case01_magicVersionByteOrder() {
    gguf("not a GGUF file", new RawGguf().text("ABCD").u32(3).u64(0).u64(0));
    gguf("byte-swapped", new RawGguf().text("FUGG").u32(3).u64(0).u64(0));
    gguf(UnsupportedModelException.class, "version 4", new RawGguf().text("GGUF").u32(4).u64(0).u64(0));
    gguf(UnsupportedModelException.class, "big-endian", new RawGguf().text("GGUF").u8(0, 0, 0, 3).u64(0).u64(0));
    safetensors("no safetensors", new byte[7]);
    safetensors("not a JSON object", "[1]", 0);
  }

  @Test
  void case02_countsOf2To64() {
    gguf("18446744073709551615 elements", RawGguf.header(MAX, 0));
    gguf("18446744073709551615 elements", RawGguf.header(0, MAX));
    safetensors("18446744073709551615", ByteBuffer.allocate(16).putLong(-1).array());
  }

  @Test
  void case03_lengthBeyondTheRest() {
    gguf("needs 18446744073709551615", RawGguf.header(0, 1).u64(MAX).data(64));
    gguf("'a' needs 100", RawGguf.header(0, 1).key("a", GgufType.STRING).u64(100).data(8));
    gguf("claims", RawGguf.header(0, 1).array("a", GgufType.UINT64, 1L << 60).data(8));
    gguf("'a' needs 99", RawGguf.header(0, 1).array("a", GgufType.STRING, 2).string("b").u64(99));
    safetensors("claims a header", ByteBuffer.allocate(20).order(ByteOrder.LITTLE_ENDIAN).putLong(13).array());
  }

  @Test
  void case04_dimensionsThatOverflow() {
    gguf("element count", RawGguf.header(1, 0).tensor("t", 0, 0, 1L << 32, 1L << 32).data(64));
    gguf("byte size", RawGguf.header(1, 0).tensor("t", 0, 0, 1L << 61).data(64));
    gguf("dimension 1 = 0", RawGguf.header(1, 0).tensor("t", 0, 0, 8, 0).data(64));
    gguf("dimension 0 = 18446744073709551615", RawGguf.header(1, 0).tensor("t", 0, 0, MAX).data(64));
    safetensors("out of range", entry("F32", "[4611686018427387904,8]", "[0,8]"), 8);
    safetensors("out of range", entry("F32", "[4611686018427387904]", "[0,8]"), 8);
    safetensors("out of range", entry("F32", "[0,4611686018427387904,4]", "[0,0]"), 0);
    safetensors("where a size should be", entry("F32", "[-1]", "[0,8]"), 8);
    safetensors("where a size should be", entry("F32", "[36893488147419103232]", "[0,8]"), 8);
    hf(UnsupportedModelException.class, "heads of", d -> d.config.put("head_dim", Integer.MAX_VALUE));
  }

  @Test
  void case05_alignment() {
    for (long alignment : new long[] {0, 1, 3, 48, 1L << 31}) {
      gguf("alignment " + alignment, RawGguf.header(0, 1).alignment(alignment).data(32));
    }
  }

  @Test
  void case06_tensorsOutsideMisalignedOverlapping() {
    gguf("truncated", RawGguf.header(1, 0).tensor("t", 0, 64, 8).data(64));
    gguf("out of range", RawGguf.header(1, 0).tensor("t", 0, Long.MAX_VALUE - 31, 8).data(64));
    gguf("not a multiple of 32", RawGguf.header(1, 0).tensor("t", 0, 8, 8).data(64));
    gguf("overlaps", RawGguf.header(2, 0).tensor("t", 0, 0, 16).tensor("u", 0, 32, 8).data(64));
    safetensors("truncated", entry("F32", "[2]", "[0,8]"), 7);
    safetensors("no overlaps", "{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]},"
        + "\"b\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[2,6]}}", 6);
    safetensors("out of range", entry("U8", "[1]", "[9223372036854775806,9223372036854775807]"), 8);
  }

  @Test
  void case07_duplicateNames() throws IOException {
    gguf("twice", RawGguf.header(0, 2).key("a", GgufType.UINT32).u32(1).key("a", GgufType.UINT32).u32(1));
    gguf("twice", RawGguf.header(2, 0).tensor("t", 0, 0, 8).tensor("t", 0, 32, 8).data(64));
    String one = entry("U8", "[1]", "[0,1]");
    safetensors("Duplicate", one.substring(0, one.length() - 1) + "," + one.substring(1), 1);
    hf(ModelFormatException.class, "both have the id", d -> vocab(d).put("zzz", 5));
    for (int i = 1; i <= 2; i++) { // one tensor in two files of a split model
      new GgufWriter().number("split.no", GgufType.UINT16, i - 1).number("split.count", GgufType.UINT16, 2)
          .string("general.architecture", "llama").tensor("t", new long[] {8}, new float[8])
          .write(directory.resolve("m-0000" + i + "-of-00002.gguf"));
    }
    loading(ModelFormatException.class, "is in", directory.resolve("m-00001-of-00002.gguf"));
  }

  @Test
  void case08_arrayOfAnotherType() {
    String t = "tokenizer.ggml.";
    model(ModelFormatException.class, "expected strings", TinyModel.llama().ints(t + "tokens", 1, 2));
    model(ModelFormatException.class, "expected floating-point", TinyModel.llama().ints(t + "scores", new int[TinyModel.VOCAB]));
    model(ModelFormatException.class, "expected integers", TinyModel.llama().strings(t + "token_type", "a"));
    model(ModelFormatException.class, "expected an integer", TinyModel.llama().ints("llama.attention.head_count_kv", 2, 2));
    hf(ModelFormatException.class, "not two tokens", d -> merges(d).addArray().add(1).add("b"));
    hf(ModelFormatException.class, "not two tokens", d -> merges(d).addObject().put("a", "a").put("b", "b"));
    hf(ModelFormatException.class, "has the id", d -> vocab(d).put("zzz", "5"));
  }

  @Test
  void case09_depth() {
    gguf("array of arrays", RawGguf.header(0, 1).array("a", GgufType.ARRAY, 1).u32(0).u64(0).data(8));
    safetensors("lacks dtype", "{\"a\":" + "[".repeat(100_000), 0); // refused before it is followed
    safetensors("not valid JSON", "{\"a\":{\"shape\":" + "{\"a\":".repeat(100_000), 0);
    safetensors("not valid JSON", "{\"__metadata__\":" + "{\"a\":".repeat(100_000), 0);
    String deep = "{\"model\":" + "[".repeat(100_000) + "]".repeat(100_000) + "}";
    assertThrows(ModelFormatException.class, () -> TokenizerJson.parse(new ByteArrayInputStream(deep.getBytes(StandardCharsets.UTF_8)), "tokenizer.json"));
  }

  @Test
  void case10_cycles() throws IOException {
    Path hf = tiny().write(directory.resolve("hf"), 2);
    for (String name : List.of("model.safetensors.index.json", "../hf/model-00001-of-00002.safetensors", ".")) {
      Files.writeString(hf.resolve("model.safetensors.index.json"), "{\"weight_map\":{\"a\":\"" + name + "\"}}");
      loading(ModelFormatException.class, "is said to be in", hf);
    }
    Path loop = directory.resolve("loop.gguf");
    Files.createSymbolicLink(loop, loop);
    loading(ModelIoException.class, "loop.gguf", loop);
    // Merges that make what they were made of: each is longer than its parts, and so none is ever applied twice.
    Tokenizer tokenizer = Tokenizer.from(TinyModel.llama().bpe("gpt-2", "a b", "ab c", "a b", "ab c").file());
    assertEquals("abcabc", tokenizer.decode(tokenizer.encode("abcabc")));
    model(ModelFormatException.class, "absent", TinyModel.llama().bpe("gpt-2", "abc a"));
    // A file of a split model that says it is another of its files.
    new GgufWriter().number("split.no", GgufType.UINT16, 1).number("split.count", GgufType.UINT16, 1 << 12)
        .string("general.architecture", "llama").write(directory.resolve("m-00001-of-04096.gguf"));
    loading(ModelFormatException.class, "is file 1 of 4096", directory.resolve("m-00001-of-04096.gguf"));
  }

  @Test
  void case11_truncationAtEveryByte() {
    byte[] gguf = TinyModel.llama().withoutTensors().f32("t", 8).bytes();
    for (int n = 0; n < gguf.length; n++) {
      byte[] cut = Arrays.copyOf(gguf, n);
      assertThrows(ModelFormatException.class, () -> GgufFile.read(ByteSource.of(cut, "cut")), () -> "cut to " + cut.length);
    }
    HfDirectory made = tiny();
    for (int i = 0; i < 3; i++) { // small enough to be cut at every byte
      byte[] whole = i == 0 ? smallSafetensors() : (i == 1 ? made.config : smallTokenizer()).toString().getBytes(StandardCharsets.UTF_8);
      for (int n = 0; n < whole.length; n++) {
        byte[] cut = Arrays.copyOf(whole, n);
        boolean container = i == 0;
        assertThrows(ModelFormatException.class, () -> {
          if (container) {
            new SafetensorsFile(ByteSource.of(cut, "cut"));
          } else {
            Json.parse(new ByteArrayInputStream(cut), "cut"); // as the stream of TokenizerJson: TokenizerJsonMalformedTest
          }
        }, () -> "cut to " + cut.length);
      }
    }
  }

  @Test
  void case12_safetensorsHeader() {
    safetensors("claims a header", ByteBuffer.allocate(64).order(ByteOrder.LITTLE_ENDIAN).putLong(100_000_001).array());
    safetensors("no gaps", entry("F32", "[2]", "[8,16]"), 16);
    safetensors("tensors end at", entry("F32", "[2]", "[0,8]"), 9);
    safetensors("UTF-8", ByteBuffer.allocate(15).order(ByteOrder.LITTLE_ENDIAN).putLong(7)
        .put(new byte[] {'{', '"', (byte) 0xc3, '"', ':', '1', '}'}).array());
    String one = entry("U8", "[1]", "[0,1]");
    safetensors("Duplicate", one.substring(0, one.length() - 1) + "," + one.substring(1), 1);
    safetensors("Duplicate", "{\"a\":{\"dtype\":\"U8\",\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1);
    safetensors("not valid JSON", one + "{}", 1);
  }

  @Test
  void case13_unknownTypeAndCodeWithoutMeaning() {
    gguf(UnsupportedModelException.class, "'t' has type 999", RawGguf.header(1, 0).tensor("t", 999, 0, 32).data(64));
    hf(ModelFormatException.class, "code 3", d -> d.change("model.layers.0.self_attn.q_proj.weight", b -> b[77] |= 3));
    Path file = directory.resolve("m.gguf");
    new RandomModel(ModelShape.of("tern-tiny")).type(TensorType.I2_S).write(file);
    byte[] bytes = read(file);
    bytes[(int) GgufFile.read(ByteSource.of(bytes, "m")).tensor("blk.0.ffn_gate.weight").offset() + 99] = (byte) 0xff;
    loading(ModelFormatException.class, "'blk.0.ffn_gate.weight': a row of type 36 holds the code 3", write("code.gguf", bytes));
  }

  @Test
  void case14_scalesAndValuesThatAreNotFinite() {
    weight("NaN or infinite", TensorType.F32, (byte) 0, (byte) 0, (byte) 0xc0, (byte) 0x7f);
    weight("NaN or infinite", TensorType.F16, (byte) 0, (byte) 0x7c);
    weight("NaN or infinite", TensorType.BF16, (byte) 0x80, (byte) 0xff);
    weight("NaN or infinite", TensorType.Q8_0, (byte) 1, (byte) 0x7e);
    weight("NaN or infinite", TensorType.Q4_0, (byte) 0, (byte) 0xfc);
    for (TensorType type : List.of(TensorType.TQ1_0, TensorType.TQ2_0, TensorType.Q2_0, TensorType.IQ1_BN, TensorType.IQ2_BN, TensorType.I2_S)) {
      Path file = directory.resolve("m.gguf");
      new RandomModel(ModelShape.of("tern-tiny")).type(type).write(file);
      byte[] bytes = read(file);
      TensorInfo tensor = GgufFile.read(ByteSource.of(bytes, "m")).tensor("blk.1.ffn_down.weight");
      int at = (int) tensor.offset() + switch (type) {
        case TQ1_0 -> 52;
        case TQ2_0 -> 64;
        case IQ2_BN -> 2;
        case I2_S -> (int) tensor.byteSize() - 30;
        default -> 0;
      };
      bytes[at] = (byte) 0xff;
      bytes[at + 1] = (byte) 0x7f; // NaN, as an F16 and as the upper half of an F32
      loading(ModelFormatException.class, "'blk.1.ffn_down.weight'", write("scale.gguf", bytes));
    }
    model(ModelFormatException.class, "is NaN", new TinyModel("bitnet").tensor("blk.0.attn_q.scale", TensorType.F32, Float.NaN, 1));
    hf(ModelFormatException.class, "NaN", d -> d.change("model.layers.0.self_attn.q_proj.weight_scale", b -> Arrays.fill(b, (byte) 0xff)));
    hf(ModelFormatException.class, "'output_norm.weight'", d -> d.change("model.norm.weight", b -> Arrays.fill(b, (byte) 0xff)));
  }

  @Test
  void case15_hyperparameters() {
    model(ModelFormatException.class, "head_count", TinyModel.llama().arch("attention.head_count", 0));
    model(ModelFormatException.class, "expected [32, 64]", TinyModel.llama().arch("attention.key_length", 16));
    model(ModelFormatException.class, "1 to 1024", TinyModel.llama().arch("block_count", 1_000_000));
    model(ModelFormatException.class, "260 tokens", TinyModel.llama().f32("token_embd.weight", 32, 259));
    model(ModelFormatException.class, "vocab_size", TinyModel.llama().arch("vocab_size", 300));
    model(ModelFormatException.class, "1 to 1048576", TinyModel.llama().arch("feed_forward_length", (1 << 20) + 1));
    model(ModelFormatException.class, "1 to 1024", TinyModel.llama().arch("attention.head_count", 1025));
    model(ModelFormatException.class, "expected 1 or more", TinyModel.llama().real("llama.rope.freq_base", 0.5));
    hf(ModelFormatException.class, "num_attention_heads", d -> d.config.put("num_attention_heads", 0));
    hf(ModelFormatException.class, "num_hidden_layers", d -> d.config.put("num_hidden_layers", 1_000_000));
    hf(ModelFormatException.class, "rows", d -> d.config.put("vocab_size", 7));
  }

  @Test
  void case16_tokens() {
    String t = "tokenizer.ggml.";
    for (String spelling : List.of("<0x-1>", "<0xZZ>", "<0x100>")) {
      model(ModelFormatException.class, spelling, TinyModel.llama().strings(t + "tokens", "<unk>", spelling)
          .floats(t + "scores", 0, 0).ints(t + "token_type", 2, 6));
    }
    model(ModelFormatException.class, "is 260", TinyModel.llama().uint32(t + "bos_token_id", 260));
    model(ModelFormatException.class, "is 4294967295", TinyModel.llama().uint32(t + "eos_token_id", 0xffffffffL));
    model(ModelFormatException.class, "merge 1, 'x ab'", TinyModel.llama().bpe("gpt-2", "a b", "x ab"));
    hf(ModelFormatException.class, "merge", d -> merges(d).add("q zzzz"));
    hf(ModelFormatException.class, "has the id", d -> vocab(d).put("zzz", -1));
    hf(ModelFormatException.class, "has the id", d -> ((ArrayNode) d.tokenizer.get("added_tokens")).addObject().put("content", "x").put("id", 1 << 30));
  }

  @Test
  void case17_truncatedWhileOpen() throws IOException {
    Path path = write("m.gguf", TinyModel.llama().bytes());
    try (GgufFile file = GgufFile.open(path)) {
      truncate(path, file.size() - 64);
      assertThrows(ModelChangedException.class, () -> readAll(file));
    }
    Path hf = tiny().write(directory.resolve("hf"), 1);
    try (ModelFile file = ModelFile.open(hf)) {
      truncate(hf.resolve("model.safetensors"), 5000);
      assertThrows(ModelChangedException.class, () -> readAll(file));
    }
  }

  @Test
  void case18_rewrittenInPlace() throws IOException {
    byte[] bytes = TinyModel.llama().bytes();
    Path path = write("m.gguf", bytes);
    try (GgufFile file = GgufFile.open(path)) {
      Files.write(path, bytes, StandardOpenOption.WRITE);
      Files.setLastModifiedTime(path, FileTime.fromMillis(1));
      assertThrows(ModelChangedException.class, () -> readAll(file));
    }
    Path hf = tiny().write(directory.resolve("hf"), 1);
    try (ModelFile file = ModelFile.open(hf)) {
      Files.setLastModifiedTime(hf.resolve("model.safetensors"), FileTime.fromMillis(1));
      assertThrows(ModelChangedException.class, () -> readAll(file));
    }
    Path json = write("tokenizer.json", ("{" + " ".repeat(100_000) + "}").getBytes(StandardCharsets.UTF_8));
    try (ByteSource source = ByteSource.open(json)) {
      InputStream touched = new FilterInputStream(source.stream()) {
        @Override
        public int read(byte[] to, int from, int n) throws IOException {
          int some = super.read(to, from, n);
          Files.setLastModifiedTime(json, FileTime.fromMillis(1));
          return some;
        }
      };
      assertThrows(ModelChangedException.class, () -> TokenizerJson.parse(touched, "tokenizer.json"));
    }
  }

  @Test
  void case19_whatIsNoFile() throws Exception {
    Path hf = tiny().write(directory.resolve("hf"), 1);
    Path weights = hf.resolve("model.safetensors");
    Path gguf = write("whole.gguf", TinyModel.llama().bytes());
    for (Path path : List.of(Files.createDirectory(directory.resolve("empty")), Path.of("/dev/zero"), Path.of("/dev/null"), fifo(),
        directory.resolve("absent"), gguf.resolve("below-a-file"))) {
      assertTimeoutPreemptively(Duration.ofSeconds(10), () -> assertThrows(ModelIoException.class, () -> ModelFile.open(path), path.toString()));
    }
    // In place of a file that belongs to a model.
    Path outside = write("outside.safetensors", read(weights));
    for (Path target : List.of(outside, Path.of("/dev/zero"), directory.resolve("pipe"), directory)) {
      Files.delete(weights);
      Files.createSymbolicLink(weights, target);
      assertTimeoutPreemptively(Duration.ofSeconds(10), () -> assertThrows(ModelIoException.class, () -> ModelFile.open(hf), target.toString()));
    }
    Path single = Files.createDirectory(directory.resolve("single"));
    Files.createSymbolicLink(single.resolve("m.gguf"), gguf);
    assertTrue(assertThrows(ModelIoException.class, () -> ModelFile.open(single)).getMessage().contains("outside"));
    ModelFile.open(single.resolve("m.gguf")).close(); // a link that the user names himself is what he means
    cacheOfHuggingFace(hf, outside);
    Files.setPosixFilePermissions(gguf, java.nio.file.attribute.PosixFilePermissions.fromString("---------"));
    assumeTrue(!Files.isReadable(gguf), "this user may read everything");
    assertThrows(ModelIoException.class, () -> ModelFile.open(gguf));
  }

  /** There, a snapshot's files are links to blobs beside the snapshots. */
  private void cacheOfHuggingFace(Path hf, Path weights) throws IOException {
    Path blobs = Files.createDirectories(directory.resolve("models--x/blobs"));
    Path snapshot = Files.createDirectories(directory.resolve("models--x/snapshots/1234"));
    for (String name : List.of("config.json", "tokenizer.json", "model.safetensors")) {
      Files.copy(name.equals("model.safetensors") ? weights : hf.resolve(name), blobs.resolve(name));
      Files.createSymbolicLink(snapshot.resolve(name), Path.of("../../blobs").resolve(name));
    }
    try (ModelFile file = ModelFile.open(snapshot)) {
      assertEquals(2, ModelSpec.from(file).nLayers());
    }
  }

  private Path fifo() throws Exception {
    Path pipe = directory.resolve("pipe");
    assertEquals(0, new ProcessBuilder("mkfifo", pipe.toString()).start().waitFor());
    return pipe;
  }
}
