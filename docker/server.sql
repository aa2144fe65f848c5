-- The server's part of the set-up: the database and the engine's login. Run by an administrator in master, with
-- sqlcmd's variables from the environment. Running it again changes nothing but the login's password.
SET NOCOUNT ON;
SET XACT_ABORT ON;

DECLARE @database sysname = N'$(MSSQL_DATABASE)';
DECLARE @login sysname = N'$(MSSQL_USER)';
DECLARE @password nvarchar(256) = N'$(MSSQL_PASSWORD)';
DECLARE @statement nvarchar(max);

IF DB_ID(@database) IS NULL
BEGIN
    -- Case-insensitive, as the embedded target compares; row versions, so that readers do not wait for a publish;
    -- simple recovery, because every table can be built again from its source.
    SET @statement = N'CREATE DATABASE ' + QUOTENAME(@database) + N' COLLATE SQL_Latin1_General_CP1_CI_AS;'
        + N' ALTER DATABASE ' + QUOTENAME(@database) + N' SET READ_COMMITTED_SNAPSHOT ON;'
        + N' ALTER DATABASE ' + QUOTENAME(@database) + N' SET RECOVERY SIMPLE;';
    EXEC (@statement);
END;

SET @statement = CASE WHEN SUSER_ID(@login) IS NULL THEN N'CREATE LOGIN ' ELSE N'ALTER LOGIN ' END
    + QUOTENAME(@login) + N' WITH PASSWORD = N''' + REPLACE(@password, N'''', N'''''') + N''';';
EXEC (@statement);

-- After a restart the database may still be recovering, and the next script wants to connect to it.
DECLARE @seconds int = 0;
WHILE @seconds < 300 AND EXISTS (SELECT 1 FROM sys.databases WHERE [name] = @database AND [state] <> 0)
BEGIN
    WAITFOR DELAY '00:00:01';
    SET @seconds += 1;
END;
GO
