package dev.tern.format;

import com.code_intelligence.jazzer.junit.FuzzTest;
import com.code_intelligence.jazzer.mutation.annotation.NotNull;
import dev.tern.ModelIoException;
import dev.tern.TernException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Any bytes as a safetensors file, and as a whole Hugging Face directory in memory. */
class HfFuzzTest {
  /** The files of a directory: parts of the input, each ended by this byte, which is none of UTF-8. */
  private static final char END = 0xff;
  private static final String[] NAMES = {
      "config.json", "tokenizer.json", "tokenizer_config.json", "generation_config.json", "chat_template.jinja", "model.safetensors.index.json",
      "model.safetensors"};

  @FuzzTest
  void safetensors(byte @NotNull [] bytes) {
    Allocation.bounded(bytes.length, 64, () -> {
      try (SafetensorsFile file = new SafetensorsFile(ByteSource.of(bytes, "fuzz"))) {
        for (SafetensorsFile.Tensor tensor : file.tensors().values()) {
          if (tensor.byteSize() > 0) {
            file.read(tensor, tensor.byteSize() - 1, ByteBuffer.allocate(1));
          }
        }
      } catch (TernException e) {
        // as promised
      }
    });
  }

  @FuzzTest
  void directory(byte @NotNull [] bytes) {
    // 35 bytes of nodes for a byte of JSON at the worst, and the metadata written and read again.
    Allocation.bounded(bytes.length, 128, () -> {
      try (ModelFile file = new HfModel(files(bytes), "fuzz")) {
        for (TensorInfo tensor : file.tensors().values()) {
          file.readTensor(tensor, tensor.byteSize() - 1, ByteBuffer.allocate(1));
        }
        ModelSpec.from(file);
      } catch (TernException e) {
        // as promised
      }
    });
  }

  /** The last file takes the rest; its JSON header is given its length here, which no mutation would get right. */
  static HfFiles files(byte[] bytes) {
    Map<String, byte[]> files = new LinkedHashMap<>();
    String text = new String(bytes, StandardCharsets.ISO_8859_1);
    int from = 0;
    for (String name : NAMES) {
      int end = text.indexOf(END, from);
      int to = end < 0 ? bytes.length : end;
      byte[] part = Arrays.copyOfRange(bytes, Math.min(from, bytes.length), to);
      if (name.equals("model.safetensors")) {
        byte[] data = Arrays.copyOfRange(bytes, Math.min(to + 1, bytes.length), bytes.length);
        part = ByteBuffer.allocate(8 + part.length + data.length).order(ByteOrder.LITTLE_ENDIAN).putLong(part.length).put(part).put(data).array();
      }
      if (part.length > 0) {
        files.put(name, part);
      }
      from = to + 1;
    }
    return new HfFiles() {
      @Override
      public String name() {
        return "fuzz";
      }

      @Override
      public boolean has(String file) {
        return files.containsKey(file);
      }

      @Override
      public ByteSource open(String file) {
        if (!has(file)) {
          throw new ModelIoException("no such file: " + file);
        }
        return ByteSource.of(files.get(file), file);
      }

      @Override
      public List<String> list(String folder) {
        return files.keySet().stream().filter(file -> file.startsWith(folder + "/")).sorted().toList();
      }
    };
  }
}
