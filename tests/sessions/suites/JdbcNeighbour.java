// An application with pgjdbc and autosave=always on one connection, until standard input ends.
//
// Each transaction inserts a row, fails, and inserts another. Prints at the end how many were
// committed, and everything that went wrong.

import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.util.Properties;

public class JdbcNeighbour {
  public static void main(String[] arguments) throws Exception {
    Properties properties = new Properties();
    properties.setProperty("user", System.getenv("PGUSER"));
    properties.setProperty("password", System.getenv("AG_PASSWORD"));
    properties.setProperty("sslmode", "verify-ca");
    properties.setProperty("sslrootcert", System.getenv("PGSSLROOTCERT"));
    properties.setProperty("autosave", "always");
    properties.setProperty("gssEncMode", "disable");
    String url = "jdbc:postgresql://" + System.getenv("PGHOST") + "/" + System.getenv("PGDATABASE");
    int committed = 0;
    int problems = 0;
    try (Connection connection = DriverManager.getConnection(url, properties);
        PreparedStatement insert =
            connection.prepareStatement("INSERT INTO neighbour_jdbc VALUES (?)")) {
      connection.setAutoCommit(false);
      System.out.println("ready");
      while (System.in.available() == 0) {
        try {
          insert.setInt(1, 2 * committed);
          insert.executeUpdate();
          try {
            insert.executeUpdate();
            System.out.println("a duplicate was taken");
          } catch (SQLException expected) {
            if (!"23505".equals(expected.getSQLState())) throw expected;
          }
          insert.setInt(1, 2 * committed + 1);
          insert.executeUpdate();
          connection.commit();
          committed++;
        } catch (SQLException error) {
          System.out.println(error.getSQLState() + " " + error.getMessage());
          if (++problems > 5) break;
          connection.rollback();
        }
      }
    }
    System.out.println("committed " + committed);
  }
}
