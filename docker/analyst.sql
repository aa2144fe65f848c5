-- A login that reads gold and nothing else. Run by an administrator in the warehouse's database, after database.sql,
-- once for every person or dashboard. Running it again changes nothing but the login's password.
SET NOCOUNT ON;
SET XACT_ABORT ON;

DECLARE @login sysname = N'$(MSSQL_ANALYST_USER)';
DECLARE @password nvarchar(256) = N'$(MSSQL_ANALYST_PASSWORD)';
DECLARE @statement nvarchar(max);

SET @statement = CASE WHEN SUSER_ID(@login) IS NULL THEN N'CREATE LOGIN ' ELSE N'ALTER LOGIN ' END
    + QUOTENAME(@login) + N' WITH PASSWORD = N''' + REPLACE(@password, N'''', N'''''') + N''';';
EXEC (@statement);
GO

IF DATABASE_PRINCIPAL_ID(N'$(MSSQL_ANALYST_USER)') IS NULL
    CREATE USER [$(MSSQL_ANALYST_USER)] FOR LOGIN [$(MSSQL_ANALYST_USER)] WITH DEFAULT_SCHEMA = [gold];
ALTER ROLE [data_analyst] ADD MEMBER [$(MSSQL_ANALYST_USER)];
GO
