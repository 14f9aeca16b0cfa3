package dev.tern.format;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.tern.ModelFormatException;
import dev.tern.ModelIoException;
import dev.tern.TernException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** GGUF models in several files. */
class SplitGgufTest {
  @TempDir Path directory;

  private final GgufFile whole = GgufFile.read(ByteSource.of(new RandomModel(ModelShape.of("tern-tiny")).toBytes(), "random"));

  private Path path(int i, int n) {
    return directory.resolve(String.format("m-%05d-of-%05d.gguf", i, n));
  }

  private void write(int i, int n, int declaredCount, int declaredNo, List<TensorInfo> some, int total) {
    GgufWriter out = new GgufWriter();
    if (i == 1) {
      out.copy(new Only(whole));
    }
    out.number("split.no", GgufType.UINT16, declaredNo).number("split.count", GgufType.UINT16, declaredCount)
        .number("split.tensors.count", GgufType.INT32, total);
    for (TensorInfo t : some) {
      out.tensor(t.name(), t.type(), t.dims(), sink -> {
        byte[] bytes = new byte[(int) t.byteSize()];
        whole.readTensor(t, 0, ByteBuffer.wrap(bytes));
        sink.write(bytes);
      });
    }
    out.write(path(i, n));
  }

  /** The metadata of a file, without its tensors. */
  private record Only(GgufFile file) implements ModelFile {
    @Override
    public String name() {
      return file.name();
    }

    @Override
    public GgufMetadata metadata() {
      return file.metadata();
    }

    @Override
    public java.util.Map<String, TensorInfo> tensors() {
      return java.util.Map.of();
    }

    @Override
    public void readTensor(TensorInfo tensor, long from, ByteBuffer dst) {
      throw new IllegalStateException();
    }

    @Override
    public long size() {
      return file.size();
    }

    @Override
    public void close() {}
  }

  private void split(int n) {
    List<TensorInfo> all = new ArrayList<>(whole.tensors().values());
    for (int i = 1; i <= n; i++) {
      write(i, n, n, i - 1, all.subList(all.size() * (i - 1) / n, all.size() * i / n), all.size());
    }
  }

  @Test
  void isTheWholeModelFromAnyOfItsFiles() {
    split(3);
    for (int i = 1; i <= 3; i++) {
      try (ModelFile file = ModelFile.open(path(i, 3))) {
        assertEquals(whole.tensors().keySet(), file.tensors().keySet());
        ModelSpec spec = ModelSpec.from(file);
        assertEquals(ModelSpec.from(whole).weights().size(), spec.weights().size());
        for (TensorInfo t : file.tensors().values()) {
          byte[] a = new byte[(int) t.byteSize()];
          byte[] b = a.clone();
          file.readTensor(t, 0, ByteBuffer.wrap(a));
          whole.readTensor(whole.tensor(t.name()), 0, ByteBuffer.wrap(b));
          assertArrayEquals(b, a, t.name());
        }
      }
    }
    try (ModelFile file = ModelFile.open(directory)) {
      assertEquals(path(1, 3).toString(), file.name());
    }
    Path joined = directory.resolve("joined.gguf");
    try (ModelFile file = ModelFile.open(path(2, 3))) {
      new GgufWriter().copy(file).write(joined);
    }
    try (ModelFile file = ModelFile.open(joined)) {
      assertEquals(whole.tensors().keySet(), file.tensors().keySet());
      assertEquals(whole.metadata().keys(), file.metadata().keys());
    }
  }

  private void refused(Class<? extends TernException> type, String message) {
    TernException e = assertThrows(type, () -> ModelFile.open(path(1, 3)).close());
    assertTrue(e.getMessage().contains(message), e.getMessage());
  }

  @Test
  void whatIsMissingOrWrongIsSaid() throws Exception {
    split(3);
    List<TensorInfo> all = new ArrayList<>(whole.tensors().values());
    List<TensorInfo> second = all.subList(all.size() / 3, all.size() * 2 / 3);
    Files.delete(path(2, 3));
    refused(ModelIoException.class, "no such file");
    write(2, 3, 3, 2, second, all.size());
    refused(ModelFormatException.class, "is file 2 of 3");
    write(2, 3, 4, 1, second, all.size());
    refused(ModelFormatException.class, "is file 2 of 3");
    write(2, 3, 3, 1, all.subList(0, 3), all.size());
    refused(ModelFormatException.class, "is in");
    write(2, 3, 3, 1, second.subList(0, 1), all.size());
    refused(ModelFormatException.class, "'split.tensors.count' is");
    Files.copy(path(3, 3), directory.resolve("other.gguf"));
    assertThrows(ModelIoException.class, () -> ModelFile.open(directory.resolve("other.gguf")));
    write(1, 3, 60000, 0, second, all.size());
    refused(ModelFormatException.class, "at most");
  }
}
