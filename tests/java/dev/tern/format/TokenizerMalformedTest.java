package dev.tern.format;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.tern.ModelFormatException;
import dev.tern.TernException;
import dev.tern.UnsupportedModelException;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Vocabularies that are well-formed GGUF and no vocabulary. */
class TokenizerMalformedTest {
  private static final Class<?> FORMAT = ModelFormatException.class;
  private static final Class<?> UNSUPPORTED = UnsupportedModelException.class;
  private static final String T = "tokenizer.ggml.";

  private static Arguments kind(String name, Class<?> type, String message, TinyModel model) {
    return Arguments.of(name, type, message, model.withoutTensors());
  }

  private static TinyModel spm() {
    return TinyModel.llama();
  }

  private static TinyModel bpe(String... merges) {
    return TinyModel.llama().bpe("gpt-2", merges);
  }

  private static TinyModel byteToken(String spelling) {
    return spm().strings(T + "tokens", "<unk>", spelling).floats(T + "scores", 0, 0).ints(T + "token_type", 2, 6);
  }

  static Stream<Arguments> kinds() {
    return Stream.of(
        kind("no tokenizer", FORMAT, "no tokenizer", spm().without(T + "model")),
        kind("model not a string", FORMAT, "expected STRING", spm().uint32(T + "model", 1)),
        kind("model unknown", UNSUPPORTED, "tokenizer 'bert'", spm().string(T + "model", "bert")),
        kind("no tokens", FORMAT, "tokenizer.ggml.tokens", spm().without(T + "tokens")),
        kind("tokens are integers", FORMAT, "expected strings", spm().ints(T + "tokens", 1, 2)),
        kind("tokens are no array", FORMAT, "expected an array", spm().string(T + "tokens", "a")),
        kind("empty vocabulary", FORMAT, "empty", spm().strings(T + "tokens")),
        kind("no scores", FORMAT, "tokenizer.ggml.scores", spm().without(T + "scores")),
        kind("fewer scores than tokens", FORMAT, "1 elements for 260 tokens", spm().floats(T + "scores", 0)),
        kind("scores are integers", FORMAT, "expected floating-point", spm().ints(T + "scores", 1, 2)),
        kind("score NaN", FORMAT, "token 1 is NaN", spm().strings(T + "tokens", "a", "b").floats(T + "scores", 0, Float.NaN).ints(T + "token_type", 1, 1)),
        kind("more types than tokens", FORMAT, "261 elements", spm().ints(T + "token_type", new int[261])),
        kind("types are strings", FORMAT, "expected integers", spm().strings(T + "token_type", "a")),
        kind("type 0", FORMAT, "unknown type 0", spm().ints(T + "token_type", new int[260])),
        kind("type 7", FORMAT, "unknown type 7", spm().strings(T + "tokens", "a").floats(T + "scores", 0).ints(T + "token_type", 7)),
        kind("byte token <0xZZ>", FORMAT, "<0xZZ>", byteToken("<0xZZ>")),
        kind("byte token <0x-1>", FORMAT, "<0x-1>", byteToken("<0x-1>")),
        kind("byte token <0x+1>", FORMAT, "<0x+1>", byteToken("<0x+1>")),
        kind("byte token <0x100>", FORMAT, "<0x100>", byteToken("<0x100>")),
        kind("byte token <0x1>", FORMAT, "<0x1>", byteToken("<0x1>")),
        kind("byte token (0x10)", FORMAT, "(0x10)", byteToken("(0x10)")),
        kind("byte token empty", FORMAT, "spelled ''", byteToken("")),
        kind("byte token in other digits", FORMAT, "expected <0x00>", byteToken("<0x\u0661\u0662>")),
        kind("neither bytes nor unknown", FORMAT, "nor an unknown token", 
            spm().strings(T + "tokens", "a").floats(T + "scores", 0).ints(T + "token_type", 1)),
        kind("bos id = vocabulary size", FORMAT, "'tokenizer.ggml.bos_token_id' is 260", spm().uint32(T + "bos_token_id", 260)),
        kind("eos id 2^32 - 1", FORMAT, "is 4294967295", spm().uint32(T + "eos_token_id", 0xffffffffL)),
        kind("unknown id -1", FORMAT, "is -1", spm().put(T + "unknown_token_id", w -> w.number(T + "unknown_token_id", GgufType.INT32, -1))),
        kind("eot id too large", FORMAT, "eot_token_id", spm().uint32(T + "eot_token_id", 9999)),
        kind("special token of 1025 characters", FORMAT, "1025 characters",
            spm().strings(T + "tokens", "a".repeat(1025)).floats(T + "scores", 0).ints(T + "token_type", 4)),
        kind("eos id a string", FORMAT, "expected an integer", spm().string(T + "eos_token_id", "2")),
        kind("add_bos_token an integer", FORMAT, "expected BOOL", spm().uint32(T + "add_bos_token", 1)),
        kind("pre absent", UNSUPPORTED, "(absent)", bpe().without(T + "pre")),
        kind("pre default", UNSUPPORTED, "'default'", bpe().string(T + "pre", "default")),
        kind("pre unknown", UNSUPPORTED, "'chatglm-bpe'", bpe().string(T + "pre", "chatglm-bpe")),
        kind("no merges", FORMAT, "tokenizer.ggml.merges", bpe().without(T + "merges")),
        kind("merges are integers", FORMAT, "expected strings", bpe().ints(T + "merges", 1)),
        kind("merge of an absent token", FORMAT, "merge 1, 'x ab'", bpe("a b", "x ab")),
        kind("merge whose left is absent", FORMAT, "absent", bpe("xx b")),
        kind("merge whose right is absent", FORMAT, "absent", bpe("a xx")),
        kind("merge with no gap", FORMAT, "not two tokens", bpe("ab")),
        kind("merge with nothing right", FORMAT, "not two tokens", bpe("a ")),
        kind("merge with nothing left", FORMAT, "not two tokens", bpe(" b")),
        kind("merge empty", FORMAT, "not two tokens", bpe("")),
        kind("merge outside the byte alphabet", FORMAT, "absent", bpe("a \u4e2d")),
        kind("merge of a control token", FORMAT, "absent", bpe("<end> a")));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("kinds")
  void isRefused(String name, Class<? extends TernException> type, String message, TinyModel model) {
    GgufFile file = model.file();
    TernException e = assertThrows(TernException.class, () -> Tokenizer.from(file));
    assertEquals(type, e.getClass(), e.getMessage());
    assertTrue(e.getMessage().contains(message), e.getMessage());
  }
}
