package dev.tern.format;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Set;
import org.junit.jupiter.api.Test;

class TokenTableTest {
  @Test
  void findsWhatWasAddedAndKeepsTheFirst() {
    GgufStrings.Builder names = new GgufStrings.Builder();
    for (String name : new String[] {"a", "ab", "", "a", "\u00e9", "ba"}) {
      names.add(name);
    }
    GgufStrings tokens = names.build();
    TokenTable table = new TokenTable(tokens);
    int[] added = new int[tokens.size()];
    for (int id = 0; id < added.length; id++) {
      added[id] = table.add(id);
    }
    assertEquals("[0, 1, 2, 0, 4, 5]", Arrays.toString(added));
    for (int id : new int[] {0, 1, 4, 5}) {
      byte[] bytes = tokens.bytes(id);
      assertEquals(id, table.find(bytes, 0, bytes.length));
    }
    assertEquals(-1, table.find(new byte[] {'b'}, 0, 1));
    assertEquals(-1, table.find(new byte[0], 0, 0));
    assertEquals(1, table.find("xaby".getBytes(StandardCharsets.UTF_8), 1, 3));
  }

  /** Words of Thue and Morse and their complements: a polynomial modulo a power of two is alike on all of them, whatever it is taken at. */
  @Test
  void noTokensAreMadeThatAllCollide() {
    byte[][] half = new byte[2][1024];
    for (int i = 0; i < 1024; i++) {
      half[0][i] = (byte) (Integer.bitCount(i) % 2 == 0 ? 'A' : 'a');
      half[1][i] = (byte) (half[0][i] ^ 'A' ^ 'a');
    }
    Set<Integer> hashes = new HashSet<>();
    int n = 1 << 10;
    byte[] token = new byte[10 * 1024];
    for (int choice = 0; choice < n; choice++) {
      for (int bit = 0; bit < 10; bit++) {
        System.arraycopy(half[choice >> bit & 1], 0, token, bit * 1024, 1024);
      }
      hashes.add(TokenTable.hash(token, 0, token.length));
    }
    // Two of them are alike for at most 18 of 2^29 multipliers: 2^31 - 2 has one factor of two, so that 1 - x^(2^i) is 0 at 1 and -1 only, and
    // 9 values of x^1024 are left. Of 2^19 pairs that is a fiftieth of a pair.
    assertTrue(hashes.size() > n / 2, hashes.size() + " hashes of " + n + " tokens");
  }
}
