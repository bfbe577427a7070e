-- The accounts of both shards of docker-compose.yml, as sandbox/stack makes them on its own servers. The passwords
-- are for development and known to everybody. payuser is the servers': it can read the payment schema, and nothing
-- else. Run on MariaDB 10.11; written to hold on 11.4 too.
CREATE DATABASE IF NOT EXISTS paydb CHARACTER SET utf8mb4;
CREATE OR REPLACE USER 'payuser'@'%' IDENTIFIED BY 'dev-only-reader';
GRANT SELECT, SHOW VIEW ON paydb.* TO 'payuser'@'%';
GRANT PROCESS, SLAVE MONITOR ON *.* TO 'payuser'@'%';
CREATE OR REPLACE USER 'app'@'%' IDENTIFIED BY 'dev-only-app';
GRANT SELECT, INSERT, UPDATE, DELETE ON paydb.* TO 'app'@'%';
DELETE FROM mysql.global_priv WHERE User NOT IN ('payuser', 'app', 'mariadb.sys');
FLUSH PRIVILEGES;
CREATE OR REPLACE USER 'root'@'%' IDENTIFIED BY 'dev-only-root';
GRANT ALL ON *.* TO 'root'@'%' WITH GRANT OPTION;
