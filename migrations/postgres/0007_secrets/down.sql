DROP TABLE connection_secrets;
