package dev.tern.format;

import dev.tern.ModelFormatException;
import dev.tern.UnsupportedModelException;
import java.util.Arrays;
import java.util.Set;

/**
 * Byte-level BPE: text is split into words, and each word's UTF-8 bytes are joined by the merge of lowest rank until none applies. In the
 * file, a byte is spelled as one printable character; here all tokens are kept as the bytes themselves. (Sennrich et al. 2016, GPT-2)
 */
final class BpeTokenizer implements Tokenizer {
  /** What is done to text first, "nfc" or "none": Tern's own key. Qwen 2 composes characters, which its GGUF files do not say. */
  static final String NORMALIZER = "tern.tokenizer.normalizer";

  /** Byte of each character up to U+0143 that spells one, or -1. */
  private static final short[] BYTE_OF = byteAlphabet();

  private final Vocabulary vocabulary;
  private final Pretokenizer words;
  private final boolean wholeWords; // a word that is a token stays one, whatever the merges say
  private final boolean composes; // text is brought to Unicode's normal form C first
  private final boolean addsBos;
  private final GgufStrings tokens; // as bytes
  private final TokenTable table;
  private final int[] byteId = new int[256]; // token of each byte, or -1
  private final PairTable merges;

  BpeTokenizer(Vocabulary vocabulary, Pretokenizer words, boolean wholeWords, boolean addsBosByDefault) {
    this.vocabulary = vocabulary;
    composes = composes(vocabulary.metadata, words);
    this.words = words;
    this.wholeWords = wholeWords;
    addsBos = vocabulary.metadata.boolValue(Vocabulary.PREFIX + "add_bos_token", addsBosByDefault);
    tokens = unspelled(vocabulary);
    table = new TokenTable(tokens);
    for (int i = 0; i < tokens.size(); i++) {
      switch (vocabulary.type(i)) {
        case Vocabulary.USER_DEFINED, Vocabulary.CONTROL, Vocabulary.UNKNOWN -> {}
        default -> table.add(i);
      }
    }
    for (int i = 0; i < tokens.size(); i++) {
      if (vocabulary.type(i) == Vocabulary.USER_DEFINED) {
        table.add(i);
      }
    }
    for (int b = 0; b < 256; b++) {
      byteId[b] = table.find(new byte[] {(byte) b}, 0, 1);
    }
    merges = merges();
  }

  private static boolean composes(GgufMetadata metadata, Pretokenizer words) {
    String normalizer = metadata.string(NORMALIZER, words == Pretokenizer.QWEN2 ? "nfc" : "none");
    return switch (normalizer) {
      case "nfc" -> true;
      case "none" -> false;
      default -> throw new UnsupportedModelException("normalizer '" + normalizer + "' ('" + NORMALIZER + "'); supported: nfc, none");
    };
  }

  private static short[] byteAlphabet() {
    short[] byteOf = new short[256 + 68];
    Arrays.fill(byteOf, (short) -1);
    int next = 256;
    for (int b = 0; b < 256; b++) {
      boolean printable = b > 32 && b < 127 || b > 160 && b != 173;
      byteOf[printable ? b : next++] = (short) b;
    }
    return byteOf;
  }

  /** The character that spells a byte. */
  static char spelling(int b) {
    for (int c = 0; c < BYTE_OF.length; c++) {
      if (BYTE_OF[c] == b) {
        return (char) c;
      }
    }
    throw new IllegalArgumentException(b + " is no byte");
  }

  private static GgufStrings unspelled(Vocabulary vocabulary) {
    GgufStrings spelled = vocabulary.tokens;
    int n = spelled.size();
    int[] begin = new int[n + 1];
    byte[] out = new byte[spelled.end(n - 1)];
    for (int i = 0; i < n; i++) {
      int type = vocabulary.type(i);
      int end = type == Vocabulary.CONTROL || type == Vocabulary.USER_DEFINED
          ? -1 : unspell(spelled.data(), spelled.begin(i), spelled.end(i), out, begin[i]);
      if (end < 0) { // not in the byte alphabet: it stands for its own text
        int length = spelled.end(i) - spelled.begin(i);
        System.arraycopy(spelled.data(), spelled.begin(i), out, begin[i], length);
        end = begin[i] + length;
      }
      begin[i + 1] = end;
    }
    return new GgufStrings(out, begin);
  }

  /** Writes the bytes that data spells, and returns their end, or -1 if a character spells none. All of the alphabet has 1 or 2 bytes. */
  private static int unspell(byte[] data, int from, int to, byte[] out, int at) {
    for (int i = from; i < to; i++) {
      int c = data[i];
      if (c < 0) {
        if ((c & 0xe0) != 0xc0 || i + 1 >= to || (data[i + 1] & 0xc0) != 0x80) {
          return -1;
        }
        c = (c & 0x1f) << 6 | data[++i] & 0x3f;
      }
      if (c >= BYTE_OF.length || BYTE_OF[c] < 0) {
        return -1;
      }
      out[at++] = (byte) BYTE_OF[c];
    }
    return at;
  }

  private PairTable merges() {
    String key = Vocabulary.PREFIX + "merges";
    GgufStrings list = vocabulary.metadata.strings(key);
    PairTable pairs = new PairTable(list.size());
    byte[] data = list.data();
    byte[] joined = new byte[64];
    for (int rank = 0; rank < list.size(); rank++) {
      int from = list.begin(rank);
      int to = list.end(rank);
      int gap = from + 1;
      while (gap < to && data[gap] != ' ') {
        gap++;
      }
      if (gap >= to - 1) {
        throw new ModelFormatException("merge " + rank + ", '" + list.get(rank) + "', is not two tokens", vocabulary.metadata.offset(key));
      }
      if (to - from > joined.length) {
        joined = new byte[(to - from) * 2];
      }
      int middle = unspell(data, from, gap, joined, 0);
      int end = middle < 0 ? -1 : unspell(data, gap + 1, to, joined, middle);
      int left = end < 0 ? -1 : table.find(joined, 0, middle);
      int right = end < 0 ? -1 : table.find(joined, middle, end);
      int whole = end < 0 ? -1 : table.find(joined, 0, end);
      if (left < 0 || right < 0 || whole < 0) {
        throw new ModelFormatException(
            "merge " + rank + ", '" + list.get(rank) + "', names or makes a token that is absent", vocabulary.metadata.offset(key));
      }
      pairs.add(left, right, rank, whole);
    }
    return pairs;
  }

  @Override
  public int[] encode(String text, boolean addBos, Control control) {
    IntList ids = new IntList();
    if (addBos && vocabulary.bosId >= 0) {
      ids.add(vocabulary.bosId);
    }
    Word word = new Word(ids);
    vocabulary.split(
        text,
        control,
        new Vocabulary.Fragments() {
          @Override
          public void text(String given, boolean first) {
            String fragment = composes ? Composition.of(given) : given;
            for (int i = 0; i < fragment.length(); ) {
              int end = words.next(fragment, i);
              word.encode(fragment, i, end);
              i = end;
            }
          }

          @Override
          public void token(int id) {
            ids.add(id);
          }
        });
    return ids.toArray();
  }

  /** Encodes words of one text, one after another. */
  private final class Word extends Merger {
    private final IntList ids;
    private byte[] bytes = new byte[64];

    Word(IntList ids) {
      this.ids = ids;
    }

    void encode(String s, int from, int to) {
      if (bytes.length < (to - from) * 3L) {
        bytes = new byte[Math.toIntExact(Math.min((to - from) * 4L, Integer.MAX_VALUE - 8))];
      }
      int n = 0;
      for (int i = from; i < to; ) {
        int c = s.codePointAt(i);
        i += Character.charCount(c);
        n = Utf8.put(c, bytes, n);
      }
      int whole = wholeWords || n == 1 ? table.find(bytes, 0, n) : -1;
      if (whole >= 0) {
        ids.add(whole);
        return;
      }
      reserve(n);
      for (int i = 0; i < n; i++) {
        begin[i] = i;
        id[i] = byteId[bytes[i] & 0xff];
      }
      run(n, n);
      for (int i = 0; i >= 0; i = next(i)) {
        if (id[i] >= 0) {
          ids.add(id[i]);
        } else if (vocabulary.unknownId >= 0) {
          ids.add(vocabulary.unknownId);
        }
      }
    }

    @Override
    int join(int left, int right) {
      int pair = id[left] < 0 || id[right] < 0 ? -1 : merges.find(id[left], id[right]);
      if (pair < 0) {
        return -1;
      }
      pairOrder = merges.rank(pair);
      return merges.joined(pair);
    }
  }

  @Override
  public byte[] bytes(int id) {
    return vocabulary.type(id) == Vocabulary.CONTROL || vocabulary.isPadding(id) ? new byte[0] : tokens.bytes(id);
  }

  @Override
  public String text(int id) {
    return vocabulary.text(id);
  }

  @Override
  public boolean isControl(int id) {
    return vocabulary.type(id) == Vocabulary.CONTROL || vocabulary.isPadding(id);
  }

  @Override
  public int find(String text) {
    return vocabulary.find(text);
  }

  @Override
  public int bosId() {
    return vocabulary.bosId;
  }

  @Override
  public int eosId() {
    return vocabulary.eosId;
  }

  @Override
  public Set<Integer> eogIds() {
    return vocabulary.eogIds;
  }

  @Override
  public int vocabSize() {
    return vocabulary.size;
  }

  @Override
  public boolean addsBos() {
    return addsBos && vocabulary.bosId >= 0;
  }

  @Override
  public boolean addsSpacePrefix() {
    return false;
  }
}
