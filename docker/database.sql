-- The database's part of the set-up: schemas, roles, and the engine's user. Run by an administrator in the
-- warehouse's database. Running it again changes nothing.
SET NOCOUNT ON;
SET XACT_ABORT ON;

-- One owner for all: a view in gold may then read silver without its reader having rights there.
IF SCHEMA_ID(N'bronze') IS NULL EXEC (N'CREATE SCHEMA [bronze] AUTHORIZATION [dbo]');
IF SCHEMA_ID(N'silver') IS NULL EXEC (N'CREATE SCHEMA [silver] AUTHORIZATION [dbo]');
IF SCHEMA_ID(N'gold') IS NULL EXEC (N'CREATE SCHEMA [gold] AUTHORIZATION [dbo]');
IF SCHEMA_ID(N'staging') IS NULL EXEC (N'CREATE SCHEMA [staging] AUTHORIZATION [dbo]');
IF SCHEMA_ID(N'quarantine') IS NULL EXEC (N'CREATE SCHEMA [quarantine] AUTHORIZATION [dbo]');
IF SCHEMA_ID(N'ops') IS NULL EXEC (N'CREATE SCHEMA [ops] AUTHORIZATION [dbo]');

IF DATABASE_PRINCIPAL_ID(N'loader') IS NULL CREATE ROLE [loader] AUTHORIZATION [dbo];
IF DATABASE_PRINCIPAL_ID(N'transformer') IS NULL CREATE ROLE [transformer] AUTHORIZATION [dbo];
IF DATABASE_PRINCIPAL_ID(N'data_analyst') IS NULL CREATE ROLE [data_analyst] AUTHORIZATION [dbo];
GO

-- Tables and views are made, altered and dropped, and granted to others, in these schemas and in no others.
GRANT CONTROL ON SCHEMA::[staging] TO [loader];
GRANT CONTROL ON SCHEMA::[quarantine] TO [loader];
GRANT CONTROL ON SCHEMA::[ops] TO [loader];
GRANT CONTROL ON SCHEMA::[bronze] TO [loader];

GRANT CONTROL ON SCHEMA::[staging] TO [transformer];
GRANT CONTROL ON SCHEMA::[quarantine] TO [transformer];
GRANT CONTROL ON SCHEMA::[ops] TO [transformer];
GRANT SELECT ON SCHEMA::[bronze] TO [transformer];
GRANT CONTROL ON SCHEMA::[silver] TO [transformer];
GRANT CONTROL ON SCHEMA::[gold] TO [transformer];
-- For the views that `alias: dbo.…` asks for.
GRANT CONTROL ON SCHEMA::[dbo] TO [transformer];

GRANT CREATE TABLE TO [loader];
GRANT CREATE TABLE TO [transformer];
GRANT CREATE VIEW TO [transformer];
-- Partition functions and schemes.
GRANT ALTER ANY DATASPACE TO [loader];
GRANT ALTER ANY DATASPACE TO [transformer];
-- A masked column is put back with its mask, and read as it is: built from masked values a table would be wrong.
GRANT ALTER ANY MASK TO [loader];
GRANT ALTER ANY MASK TO [transformer];
GRANT UNMASK TO [loader];
GRANT UNMASK TO [transformer];
-- Whose rights a table carries and which views stand on it is metadata, which is hidden from those who own nothing.
GRANT VIEW DEFINITION TO [loader];
GRANT VIEW DEFINITION TO [transformer];
GRANT SELECT ON OBJECT::[sys].[sql_expression_dependencies] TO [loader];
GRANT SELECT ON OBJECT::[sys].[sql_expression_dependencies] TO [transformer];

-- Views that `alias:` puts over gold tables are granted one by one when they are published.
GRANT SELECT ON SCHEMA::[gold] TO [data_analyst];
GO

IF DATABASE_PRINCIPAL_ID(N'$(MSSQL_USER)') IS NULL
    CREATE USER [$(MSSQL_USER)] FOR LOGIN [$(MSSQL_USER)] WITH DEFAULT_SCHEMA = [dbo];
ALTER ROLE [loader] ADD MEMBER [$(MSSQL_USER)];
ALTER ROLE [transformer] ADD MEMBER [$(MSSQL_USER)];
GO
