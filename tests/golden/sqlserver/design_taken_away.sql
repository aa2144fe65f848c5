-- create
IF OBJECT_ID(N'[silver].[sessions]', N'U') IS NULL
BEGIN
CREATE TABLE [silver].[sessions] (
    [id] bigint NOT NULL,
    [user_id] nvarchar(20) NULL,
    [watched] date NULL,
    [minutes] int NULL,
    [note] nvarchar(max) NULL,
    CONSTRAINT [PK_silver_sessions] PRIMARY KEY CLUSTERED ([id])
);
END;

-- reconcile
DROP INDEX IF EXISTS [mdl_sessions_00000000] ON [silver].[sessions];

-- reconcile
ALTER TABLE [silver].[sessions] DROP COLUMN [hours];

-- reconcile
ALTER TABLE [silver].[sessions] DROP CONSTRAINT [mdl_df_sessions_minutes_00000000];

-- reconcile
ALTER TABLE [silver].[sessions] DROP CONSTRAINT [mdl_df_sessions_note_00000000];

-- release
ALTER TABLE [silver].[sessions] DROP CONSTRAINT [mdl_fk_sessions_11111111];

-- release
ALTER TABLE [silver].[views] DROP CONSTRAINT [mdl_fk_sessions_00000000];

-- release
ALTER TABLE [silver].[views] DROP CONSTRAINT [mdl_fk_sessions_22222222];

-- bind
ALTER TABLE [silver].[views] WITH NOCHECK ADD CONSTRAINT [mdl_fk_sessions_00000000] FOREIGN KEY ([session_id]) REFERENCES [silver].[sessions] ([id]);

-- bind
ALTER TABLE [silver].[views] WITH NOCHECK ADD CONSTRAINT [mdl_fk_sessions_22222222] FOREIGN KEY ([session_id]) REFERENCES [silver].[sessions] ([id]);

-- bind
ALTER TABLE [silver].[views] NOCHECK CONSTRAINT [mdl_fk_sessions_22222222];

-- tidy
DECLARE @drop nvarchar(max);
SELECT @drop = STRING_AGG(CAST(N'DROP PARTITION SCHEME ' + QUOTENAME([s].[name]) + N'; DROP PARTITION FUNCTION ' + QUOTENAME([f].[name]) + N';' AS nvarchar(max)), N' ')
FROM sys.partition_schemes AS [s]
INNER JOIN sys.partition_functions AS [f] ON [f].[function_id] = [s].[function_id]
WHERE LEFT([s].[name], 7) = N'mdl_ps_'
    AND NOT EXISTS (SELECT 1 FROM sys.indexes AS [i] WHERE [i].[data_space_id] = [s].[data_space_id]);
IF @drop IS NOT NULL EXEC sys.sp_executesql @drop;
