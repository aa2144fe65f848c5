IF SCHEMA_ID({{ name | literal }}) IS NULL EXEC({{ ("CREATE SCHEMA " ~ name | ident) | literal }});
