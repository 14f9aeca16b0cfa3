package dev.tern.format;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.tern.ClosedException;
import dev.tern.ModelFormatException;
import dev.tern.ModelIoException;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class GgufFileTest {
  @TempDir Path directory;

  private static GgufFile read(byte[] bytes) {
    return GgufFile.read(ByteSource.of(bytes, "test"));
  }

  private Path write(byte[] bytes) throws IOException {
    return Files.write(directory.resolve("model.gguf"), bytes);
  }

  @ParameterizedTest
  @EnumSource(GgufType.class)
  void everyMetadataTypeComesBack(GgufType type) {
    if (type == GgufType.STRING || type == GgufType.ARRAY) {
      return;
    }
    Number[] values = switch (type) {
      case BOOL -> new Number[] {0, 1};
      case FLOAT32 -> new Number[] {-1.5f, Float.MAX_VALUE};
      case FLOAT64 -> new Number[] {-1.5, 1e300};
      case UINT8 -> new Number[] {0, 255};
      case INT8 -> new Number[] {-128, 127};
      case UINT16 -> new Number[] {0, 65535};
      case INT16 -> new Number[] {-32768, 32767};
      case UINT32 -> new Number[] {0, 0xffffffffL};
      case INT32 -> new Number[] {Integer.MIN_VALUE, Integer.MAX_VALUE};
      default -> new Number[] {type == GgufType.UINT64 ? 0 : Long.MIN_VALUE, Long.MAX_VALUE};
    };
    for (Number value : values) {
      GgufMetadata metadata = read(new GgufWriter().number("k", type, value).numbers("a", type, value, value, value).toBytes()).metadata();
      assertEquals(type, metadata.type("k"));
      assertEquals(GgufType.ARRAY, metadata.type("a"));
      assertEquals(type + "[3]", metadata.describe("a"));
      if (type == GgufType.BOOL) {
        assertEquals(value.intValue() == 1, metadata.boolValue("k"));
      } else if (type.floating()) {
        assertEquals(value.doubleValue(), metadata.doubleValue("k"));
        assertArrayEquals(new float[] {value.floatValue(), value.floatValue(), value.floatValue()}, metadata.floats("a"));
      } else {
        assertEquals(value.longValue(), metadata.longValue("k"));
        if (value.longValue() == value.intValue()) {
          assertEquals(value.intValue(), metadata.intValue("k"));
          assertArrayEquals(new int[] {value.intValue(), value.intValue(), value.intValue()}, metadata.ints("a"));
        } else {
          assertThrows(ModelFormatException.class, () -> metadata.intValue("k"));
          assertThrows(ModelFormatException.class, () -> metadata.ints("a"));
        }
      }
    }
  }

  @Test
  void unsignedValuesBeyondLongAreRefusedNotWrapped() {
    GgufMetadata metadata = read(new GgufWriter().number("k", GgufType.UINT64, -1L).toBytes()).metadata();
    assertTrue(assertThrows(ModelFormatException.class, () -> metadata.longValue("k")).getMessage().contains("18446744073709551615"));
    assertEquals("18446744073709551615", metadata.describe("k"));
  }

  @Test
  void stringsAndFallbacks() {
    List<String> strings = new ArrayList<>(List.of("", "a", "\u2581\u00e9\ud83e\udd99", "long".repeat(50_000)));
    GgufMetadata metadata = read(new GgufWriter().string("s", "\u00fc").strings("a", strings).strings("none", List.of()).bool("b", true).toBytes()).metadata();
    assertEquals("\u00fc", metadata.string("s"));
    assertEquals(strings, metadata.strings("a"));
    assertTrue(metadata.strings("none").isEmpty());
    assertEquals(List.of("s", "a", "none", "b"), List.copyOf(metadata.keys()));
    assertEquals(7, metadata.intValue("x", 7));
    assertEquals("y", metadata.string("x", "y"));
    assertTrue(metadata.boolValue("x", true));
    assertEquals(0.5f, metadata.floatValue("x", 0.5f));
    assertEquals(1L << 40, metadata.longValue("x", 1L << 40));
    assertThrows(ModelFormatException.class, () -> metadata.string("x"));
    assertThrows(ModelFormatException.class, () -> metadata.string("b", "fallback of another type"));
    assertThrows(ModelFormatException.class, () -> metadata.intValue("s", 1));
    assertThrows(ModelFormatException.class, () -> metadata.floatValue("b"));
    assertThrows(ModelFormatException.class, () -> metadata.strings("s"));
    assertThrows(IndexOutOfBoundsException.class, () -> metadata.strings("a").get(4));
    assertNull(metadata.type("x"));
  }

  @ParameterizedTest
  @EnumSource(TensorType.class)
  void everyTensorTypeComesBack(TensorType type) {
    byte[] content = new byte[(int) type.tensorBytes(512, 3)];
    new Random(TestFiles.seed()).nextBytes(content);
    for (int alignment : new int[] {8, 32, 4096}) {
      byte[] bytes = new GgufWriter().alignment(alignment)
          .tensor("first", new long[] {5}, new float[] {1, 2, 3, 4, 5})
          .tensor("t", type, new long[] {512, 3}, out -> out.write(content))
          .toBytes();
      GgufFile file = read(bytes);
      TensorInfo tensor = file.tensor("t");
      assertEquals(List.of("first", "t"), List.copyOf(file.tensors().keySet()));
      assertEquals(type, tensor.type());
      assertEquals(content.length, tensor.byteSize());
      assertEquals(3, tensor.rows());
      assertEquals(512, tensor.columns());
      assertEquals((content.length - type.tail()) / 3, tensor.rowBytes());
      assertEquals(0, tensor.offset() % alignment);
      ByteBuffer all = ByteBuffer.allocateDirect(content.length);
      file.readTensor(tensor, 0, all);
      byte[] out = new byte[content.length];
      all.flip().get(out);
      assertArrayEquals(content, out);
      ByteBuffer part = ByteBuffer.allocate(10);
      file.readTensor(tensor, content.length - 10, part);
      assertArrayEquals(Arrays.copyOfRange(content, content.length - 10, content.length), part.array());
      assertThrows(IllegalArgumentException.class, () -> file.readTensor(tensor, content.length - 9, ByteBuffer.allocate(10)));
      assertThrows(IllegalArgumentException.class, () -> file.readTensor(tensor, -1, ByteBuffer.allocate(1)));
      assertThrows(IllegalArgumentException.class, () -> file.readTensor(tensor, Long.MAX_VALUE, ByteBuffer.allocate(1)));
      TensorInfo foreign = new TensorInfo("t", type, tensor.dims(), tensor.offset() + 8, tensor.byteSize());
      assertThrows(IllegalArgumentException.class, () -> file.readTensor(foreign, 0, ByteBuffer.allocate(1)));
    }
  }

  @Test
  void version2IsReadTheSame() {
    byte[] bytes = TinyModel.llama().bytes();
    bytes[4] = 2;
    assertEquals(2, read(bytes).version());
    assertEquals(2, ModelSpec.from(read(bytes)).nLayers());
  }

  @Test
  void aStreamAndAFileReadTheSame() throws IOException {
    byte[] bytes = TinyModel.llama().bytes();
    try (GgufFile file = GgufFile.open(write(bytes)); GgufFile stream = GgufFile.read(new ByteArrayInputStream(bytes), "stream")) {
      assertEquals(file.tensors(), stream.tensors());
      assertEquals(file.metadata().keys(), stream.metadata().keys());
      assertEquals(bytes.length, file.size());
      assertEquals("stream", stream.name());
    }
  }

  /** Tensors beyond 2 GiB: the file is sparse. */
  @Test
  void offsetsBeyondAnInt() throws IOException {
    Path path = directory.resolve("large.gguf");
    byte[] header = RawGguf.header(2, 0).tensor("a", 0, 0, 1 << 20, 1 << 10).tensor("b", 0, 1L << 32, 8).data(0).bytes();
    Files.write(path, header);
    try (FileChannel channel = FileChannel.open(path, StandardOpenOption.WRITE)) {
      channel.write(ByteBuffer.wrap(new byte[] {42}), header.length + (1L << 32) + 31);
    }
    try (GgufFile file = GgufFile.open(path)) {
      ByteBuffer last = ByteBuffer.allocate(1);
      file.readTensor(file.tensor("b"), 31, last);
      assertEquals(42, last.get(0));
    }
  }

  @Test
  void useAfterCloseAndDoubleClose() throws IOException {
    for (GgufFile file : List.of(GgufFile.open(write(TinyModel.llama().bytes())), TinyModel.llama().file())) {
      file.close();
      file.close();
      assertThrows(ClosedException.class, () -> file.readTensor(file.tensor("output_norm.weight"), 0, ByteBuffer.allocate(4)));
      assertEquals("tiny", file.metadata().string("general.name"));
    }
  }

  @Test
  void whatIsNoReadableFileIsAnIoException() throws Exception {
    assertTrue(assertThrows(ModelIoException.class, () -> GgufFile.open(directory)).getMessage().contains("is a directory"));
    assertTrue(assertThrows(ModelIoException.class, () -> GgufFile.open(directory.resolve("absent"))).getMessage().contains("no such file"));
    assertThrows(ModelIoException.class, () -> GgufFile.open(write(new byte[1]).resolve("below-a-file")));
    Path loop = directory.resolve("loop");
    Files.createSymbolicLink(loop, loop);
    assertThrows(ModelIoException.class, () -> GgufFile.open(loop));
    Path link = Files.createSymbolicLink(directory.resolve("link"), directory.resolve("absent"));
    assertThrows(ModelIoException.class, () -> GgufFile.open(link));
  }

  @ParameterizedTest
  @ValueSource(strings = {"/dev/zero", "/dev/null", "/dev/stdin"})
  void devicesAreNotOpened(String device) {
    Path path = Path.of(device);
    assumeTrue(Files.exists(path) && !Files.isRegularFile(path));
    assertTimeoutPreemptively(Duration.ofSeconds(5), () -> assertThrows(ModelIoException.class, () -> GgufFile.open(path)));
  }

  @Test
  void aPipeIsNotOpened() throws Exception {
    Path pipe = directory.resolve("pipe");
    Process process;
    try {
      process = new ProcessBuilder("mkfifo", pipe.toString()).start();
    } catch (IOException e) {
      assumeTrue(false, "no mkfifo");
      return;
    }
    assumeTrue(process.waitFor() == 0);
    assertTimeoutPreemptively(Duration.ofSeconds(5), () -> assertThrows(ModelIoException.class, () -> GgufFile.open(pipe)));
  }

  @Test
  void noPermission() throws IOException {
    Path path = write(TinyModel.llama().bytes());
    Files.setPosixFilePermissions(path, PosixFilePermissions.fromString("-w-------"));
    assumeTrue(!Files.isReadable(path), "this user may read everything");
    assertTrue(assertThrows(ModelIoException.class, () -> GgufFile.open(path)).getMessage().contains("no permission"));
  }

  @Test
  void aFileThatShrinksWhileOpen() throws IOException {
    Path path = write(TinyModel.llama().bytes());
    try (GgufFile file = GgufFile.open(path)) {
      try (FileChannel channel = FileChannel.open(path, StandardOpenOption.WRITE)) {
        channel.truncate(file.size() - 64);
      }
      assertTrue(assertThrows(ModelIoException.class, () -> readAll(file)).getMessage().contains("changed"));
    }
  }

  @Test
  void aFileThatGrowsOrIsRewrittenWhileOpen() throws IOException {
    byte[] bytes = TinyModel.llama().bytes();
    Path path = write(bytes);
    try (GgufFile file = GgufFile.open(path)) {
      Files.write(path, new byte[1], StandardOpenOption.APPEND);
      assertTrue(assertThrows(ModelIoException.class, () -> readAll(file)).getMessage().contains("size"));
    }
    write(bytes);
    try (GgufFile file = GgufFile.open(path)) {
      Files.write(path, bytes, StandardOpenOption.WRITE);
      Files.setLastModifiedTime(path, FileTime.fromMillis(1));
      assertTrue(assertThrows(ModelIoException.class, () -> readAll(file)).getMessage().contains("written"));
    }
  }

  @Test
  void aFileThatIsReplacedOrUnlinkedStaysTheOneOpened() throws IOException {
    Path path = write(TinyModel.llama().bytes());
    try (GgufFile file = GgufFile.open(path)) {
      Path other = Files.write(directory.resolve("other"), new byte[3]);
      Files.move(other, path, java.nio.file.StandardCopyOption.REPLACE_EXISTING);
      readAll(file);
      Files.delete(path);
      readAll(file);
    }
  }

  private static void readAll(GgufFile file) {
    for (TensorInfo tensor : file.tensors().values()) {
      file.readTensor(tensor, 0, ByteBuffer.allocate((int) tensor.byteSize()));
    }
  }

  @Test
  void aFailedOpenLeavesNoDescriptor() throws IOException {
    Path fds = Path.of("/proc/self/fd");
    assumeTrue(Files.isDirectory(fds));
    Path path = write(RawGguf.header(-1, -1).bytes());
    assertThrows(ModelFormatException.class, () -> GgufFile.open(path));
    long before = count(fds);
    for (int i = 0; i < 200; i++) {
      assertThrows(ModelFormatException.class, () -> GgufFile.open(path));
    }
    assertTrue(count(fds) < before + 100);
  }

  private static long count(Path directory) throws IOException {
    try (var entries = Files.list(directory)) {
      return entries.count();
    }
  }

  @Test
  void theWriterRefusesWhatTheReaderWould() {
    GgufWriter writer = new GgufWriter().uint32("k", 1).tensor("t", new long[] {1}, new float[1]);
    assertThrows(IllegalArgumentException.class, () -> writer.uint32("k", 2));
    assertThrows(IllegalArgumentException.class, () -> writer.uint32("", 2));
    assertThrows(IllegalArgumentException.class, () -> writer.number("s", GgufType.STRING, 2));
    assertThrows(IllegalArgumentException.class, () -> writer.tensor("t", new long[] {1}, new float[1]));
    assertThrows(IllegalArgumentException.class, () -> writer.tensor("n".repeat(65), new long[] {1}, new float[1]));
    assertThrows(IllegalArgumentException.class, () -> writer.tensor("z", new long[] {0}, new float[0]));
    assertThrows(IllegalArgumentException.class, () -> writer.tensor("z", new long[0], new float[1]));
    assertThrows(IllegalArgumentException.class, () -> writer.tensor("q", TensorType.TQ2_0, new long[] {128}, out -> {}));
    assertThrows(IllegalArgumentException.class, () -> writer.alignment(24));
  }

  @Test
  void aFailedWriteLeavesTheOldFile() throws IOException {
    Path path = write(new byte[] {1, 2, 3});
    GgufWriter tooFew = new GgufWriter().tensor("t", TensorType.F32, new long[] {4}, out -> out.write(new byte[15]));
    GgufWriter tooMany = new GgufWriter().tensor("t", TensorType.F32, new long[] {4}, out -> out.write(new byte[17]));
    GgufWriter broken = new GgufWriter().tensor("t", TensorType.F32, new long[] {4}, out -> {
      throw new IOException("no space");
    });
    assertThrows(IllegalStateException.class, () -> tooFew.write(path));
    assertThrows(IllegalStateException.class, () -> tooMany.write(path));
    assertThrows(ModelIoException.class, () -> broken.write(path));
    assertThrows(ModelIoException.class, () -> new GgufWriter().write(directory.resolve("absent/model.gguf")));
    assertArrayEquals(new byte[] {1, 2, 3}, Files.readAllBytes(path));
    assertEquals(1, count(directory));
    new GgufWriter().string("k", "v").write(path);
    assertEquals(1, count(directory));
    try (GgufFile file = GgufFile.open(path)) {
      assertEquals("v", file.metadata().string("k"));
      assertFalse(file.metadata().has("v"));
    }
  }
}
